#include "base/text/text_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/text/text_stream.h"

namespace mirror {
namespace {

constexpr std::size_t kGap = 2;  // Spaces between two columns.
// Below so many characters nothing is cut; the last column wraps narrower only where that is not enough.
constexpr std::size_t kCutLeast = 12, kWrapLeast = 30;

}  // namespace

TextTable::TextTable(std::vector<Column> columns, std::size_t width, std::size_t indent)
    : columns_(std::move(columns)), width_(width), indent_(indent) {
  for (const Column& column : columns_) widths_.push_back(CharactersOf(column.name));
}

void TextTable::Add(const std::vector<std::string>& cells) {
  std::vector<std::string> row;
  row.reserve(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    row.push_back(cells.at(i).empty() ? "-" : Printable(cells[i]));
    widths_[i] = std::max(widths_[i], CharactersOf(row.back()));
  }
  rows_.push_back(std::move(row));
}

void TextTable::Print(std::ostream& to) {
  std::ostream& out = AsItIs(to);  // Its lines are as long as they may be.
  const std::vector<std::size_t> widths = Fitted();
  if (!header_printed_) {
    std::vector<std::string> names;
    for (const Column& column : columns_) names.push_back(column.name);
    PrintLine(out, names, widths);
    header_printed_ = true;
  }
  for (const std::vector<std::string>& row : rows_) PrintLine(out, row, widths);
  rows_.clear();
}

/// The columns' widths, made to fit: first the last column, which wraps, then the widest text.
std::vector<std::size_t> TextTable::Fitted() const {
  std::vector<std::size_t> widths = widths_;
  if (width_ == 0) return widths;
  const std::size_t last = widths.size() - 1;
  const auto total = [&] { return std::accumulate(widths.begin(), widths.end(), indent_ + kGap * last); };
  const auto shrink = [&](std::size_t column, std::size_t least) {
    const std::size_t over = total() - width_;
    const std::size_t room = widths[column] > least ? widths[column] - least : 0;
    widths[column] -= std::min(over, room);
  };
  if (total() > width_ && !columns_[last].number) shrink(last, kWrapLeast);
  for (std::size_t tried = 0; total() > width_ && tried < widths.size(); ++tried) {
    std::size_t widest = last;
    for (std::size_t i = 0; i < last; ++i) {
      const bool wider = widest == last || widths[i] > widths[widest];
      if (!columns_[i].number && wider) widest = i;
    }
    if (widest == last) break;
    shrink(widest, kCutLeast);
  }
  if (total() > width_ && !columns_[last].number) shrink(last, kCutLeast);
  return widths;
}

void TextTable::PrintLine(std::ostream& out, const std::vector<std::string>& cells,
                          const std::vector<std::size_t>& widths) const {
  std::string line(indent_, ' ');
  for (std::size_t i = 0; i + 1 < cells.size(); ++i) {
    const std::string cell = columns_[i].number ? cells[i] : CutTo(cells[i], widths[i]);
    const std::size_t characters = CharactersOf(cell);
    const std::string padding(widths[i] > characters ? widths[i] - characters : 0, ' ');
    line += columns_[i].number ? padding + cell : cell + padding;
    line.append(kGap, ' ');
  }
  const std::size_t indent = CharactersOf(line), last = cells.size() - 1;
  if (columns_[last].number || width_ == 0) {
    const std::size_t characters = CharactersOf(cells[last]);
    if (columns_[last].number && characters < widths[last]) line.append(widths[last] - characters, ' ');
    out << line << cells[last] << '\n';
    return;
  }
  if (columns_[last].one_line) {
    out << line << CutTo(cells[last], widths[last]) << '\n';
    return;
  }
  for (const std::string& part : Folded(cells[last], widths[last], LongWords::kCut)) {
    out << line << part << '\n';
    line.assign(indent, ' ');
  }
}

}  // namespace mirror
