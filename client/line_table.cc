#include "client/line_table.h"

#include <algorithm>
#include <numeric>

#include "proto/wire/utf8.h"

namespace mirror {
namespace {

constexpr std::size_t kGap = 2;
/// Nothing is cut below so many characters.
constexpr std::size_t kLeast = 20;

std::size_t CharactersOf(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !IsUtf8Continuation(c); }));
}

std::string CutTo(const std::string& text, std::size_t characters) {
  if (CharactersOf(text) <= characters) return text;
  std::size_t bytes = 0;
  for (std::size_t seen = 0; bytes < text.size(); ++bytes) {
    if (IsUtf8Continuation(text[bytes])) continue;
    if (++seen == characters) break;
  }
  return text.substr(0, bytes) + "…";
}

}  // namespace

void LineTable::Print(std::ostream& out) const {
  std::vector<std::size_t> widths(rows_.front().size());
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], CharactersOf(row.at(i)));
  }
  const std::size_t last = widths.size() - 1;
  for (const std::size_t column : {last, std::size_t{0}}) {
    const std::size_t total = std::accumulate(widths.begin(), widths.end(), kGap * last);
    if (width_ == 0 || total <= width_ || widths[column] <= kLeast) continue;
    widths[column] -= std::min(total - width_, widths[column] - kLeast);
  }
  for (const std::vector<std::string>& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < last; ++i) {
      const std::string cell = CutTo(row[i], widths[i]);
      line += cell + std::string(widths[i] - CharactersOf(cell) + kGap, ' ');
    }
    line += CutTo(row[last], widths[last]);
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

}  // namespace mirror
