#include "base/text/text_table.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "base/text/text_stream.h"

namespace mirror {
namespace {

constexpr std::size_t kGap = 2;  // Spaces between columns.
// Least widths. No column is cut to fewer characters than kCutLeast. The last column wraps at fewer than
// kWrapLeast only if cutting is not enough.
constexpr std::size_t kCutLeast = 12, kWrapLeast = 30;
// Wanted widths of texts. Columns that are not essential are removed to reach them.
constexpr std::size_t kTextWanted = 24, kLastWanted = 40;

}  // namespace

TextTable::TextTable(std::vector<Column> columns, std::size_t width, std::size_t indent, std::string all)
    : columns_(std::move(columns)), width_(width), indent_(indent), all_(std::move(all)) {
  for (const Column& column : columns_) widths_.push_back(CharactersOf(column.name));
  shown_.resize(columns_.size());
  std::iota(shown_.begin(), shown_.end(), std::size_t{0});
}

void TextTable::Add(const std::vector<Cell>& cells) {
  std::vector<Cell> row;
  row.reserve(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const Cell& cell = cells.at(i);
    row.emplace_back(cell.text.empty() ? "-" : Printable(cell.text), cell.colour);
    widths_[i] = std::max(widths_[i], CharactersOf(row.back().text));
  }
  rows_.push_back(std::move(row));
  any_ = true;
}

/// Widths and mode for the cells of a line.
struct TextTable::Line {
  std::vector<std::size_t> widths;  ///< Widths of all columns.
  /// True: cells are cut to their widths. False: the last cell is as long as needed.
  bool cut = true;
  bool colours = false;

  std::string Painted(const std::string& text, Colour colour) const {
    return mirror::Painted(text, colours ? colour : Colour::kNone);
  }
};

void TextTable::Print(std::ostream& to) {
  const Terminal terminal = TerminalOf(to);
  std::ostream& out = AsItIs(to);  // Its lines must not be wrapped.
  const std::size_t width = width_ == kStreamWidth ? terminal.width : width_;
  const bool on_terminal = terminal.height != 0;
  if (on_terminal && !header_printed_ && rows_.empty()) return;
  if (on_terminal && width_ == kStreamWidth) LeaveOut(width);
  const Line line{Fitted(width, on_terminal), width != 0, terminal.colours};
  const bool with_header = !header_printed_;
  if (with_header) {
    std::vector<Cell> names;
    for (const Column& column : columns_) names.emplace_back(column.name);
    PrintLine(out, names, line);
    header_printed_ = true;
  }
  for (const std::vector<Cell>& row : rows_) PrintLine(out, row, line);
  rows_.clear();
  if (with_header) SayLeftOut(to);
}

/// Prints the names of removed columns, in a line that is wrapped like other text.
void TextTable::SayLeftOut(std::ostream& out) const {
  if (shown_.size() == columns_.size()) return;
  std::string names;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (std::find(shown_.begin(), shown_.end(), i) != shown_.end()) continue;
    names += (names.empty() ? "" : ", ") + columns_[i].name;
  }
  out << std::string(indent_, ' ') << "not shown: " << names << (all_.empty() ? "" : " (" + all_ + ")")
      << '\n';
}

/// Removes columns until the others fit. A removed column is not shown again.
void TextTable::LeaveOut(std::size_t width) {
  const std::size_t last = columns_.size() - 1;
  const auto wanted = [&](std::size_t column) {
    const std::size_t whole = widths_[column];
    if (columns_[column].number || columns_[column].uncut) return whole;
    // A longer column wraps, or is cut, in any case.
    if (column == last) return whole <= kLastWanted ? whole : kWrapLeast;
    return std::min(whole, kTextWanted);
  };
  const auto order = [&](std::size_t column) {
    return columns_[column].goes == 0 ? std::numeric_limits<int>::max() : columns_[column].goes;
  };
  while (true) {
    std::size_t sum = indent_ + kGap * (shown_.size() - 1);
    for (const std::size_t column : shown_) sum += wanted(column);
    const auto next = std::min_element(shown_.begin(), shown_.end(),
                                       [&](std::size_t a, std::size_t b) { return order(a) < order(b); });
    if (sum <= width || columns_[*next].goes == 0) return;
    shown_.erase(next);
    header_printed_ = false;
  }
}

/// Returns the columns' widths, reduced to fit: first the last column, which wraps, then the widest text. On
/// a terminal, a last column without long text is reduced later, so that a row stays on one line as long as
/// possible.
std::vector<std::size_t> TextTable::Fitted(std::size_t width, bool on_terminal) const {
  std::vector<std::size_t> widths = widths_;
  if (width == 0) return widths;
  const std::size_t last = widths.size() - 1;
  const auto total = [&] {
    std::size_t sum = indent_ + kGap * (shown_.size() - 1);
    for (const std::size_t column : shown_) sum += widths[column];
    return sum;
  };
  const auto shrink = [&](std::size_t column, std::size_t least) {
    const std::size_t over = total() - width;
    const std::size_t room = widths[column] > least ? widths[column] - least : 0;
    widths[column] -= std::min(over, room);
  };
  const auto shrink_those = [&](std::size_t least, bool whole) {
    for (std::size_t tried = 0; total() > width && tried < widths.size(); ++tried) {
      std::size_t widest = last;
      for (const std::size_t i : shown_) {
        const bool wider = widest == last || widths[i] > widths[widest];
        const bool fixed = columns_[i].number || columns_[i].uncut;
        if (i != last && !fixed && columns_[i].whole == whole && wider) widest = i;
      }
      if (widest == last) break;
      shrink(widest, least);
    }
  };
  const auto shrink_texts = [&](std::size_t least) {
    shrink_those(least, false);
    if (std::any_of(columns_.begin(), columns_.end(), [](const Column& column) { return column.whole; })) {
      shrink_those(kCutLeast / 2, false);
    }
    shrink_those(least, true);
  };
  if (on_terminal && widths[last] <= kLastWanted) shrink_texts(kTextWanted);
  if (total() > width && !columns_[last].number) shrink(last, kWrapLeast);
  shrink_texts(kCutLeast);
  if (total() > width && !columns_[last].number) shrink(last, kCutLeast);
  return widths;
}

void TextTable::PrintLine(std::ostream& out, const std::vector<Cell>& cells, const Line& line) const {
  std::string shown(indent_, ' ');
  std::size_t indent = indent_;
  for (const std::size_t i : shown_) {
    if (i + 1 == cells.size()) break;
    const std::size_t width = line.widths[i];
    const bool fixed = columns_[i].number || columns_[i].uncut;
    const std::string cell = fixed ? cells[i].text : CutTo(cells[i].text, width);
    const std::size_t characters = CharactersOf(cell);
    const std::string padding(width > characters ? width - characters : 0, ' ');
    const std::string painted = line.Painted(cell, cells[i].colour);
    shown += columns_[i].number ? padding + painted : painted + padding;
    shown.append(kGap, ' ');
    indent += std::max(width, characters) + kGap;
  }
  const std::size_t last = cells.size() - 1, width = line.widths[last];
  const auto& [text, colour] = cells[last];
  if (columns_[last].number || !line.cut) {
    const std::size_t characters = CharactersOf(text);
    if (columns_[last].number && characters < width) shown.append(width - characters, ' ');
    out << shown << line.Painted(text, colour) << '\n';
    return;
  }
  if (columns_[last].one_line) {
    out << shown << line.Painted(CutTo(text, width), colour) << '\n';
    return;
  }
  for (const std::string& part : Folded(text, width, LongWords::kCut)) {
    out << shown << line.Painted(part, colour) << '\n';
    shown.assign(indent, ' ');
  }
}

}  // namespace mirror
