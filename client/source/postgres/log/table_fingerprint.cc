#include "client/source/postgres/log/table_fingerprint.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>
#include <vector>

namespace mirror {
namespace {

constexpr std::size_t kLinesOfTable = 4;

std::vector<std::string_view> Split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string_view FirstWord(std::string_view line) { return line.substr(0, line.find(' ')); }

/// A column's line: what is of itself, and the words of its type behind a tab.
struct PrintedColumn {
  std::string_view own, type;
  /// "d", "g" or "-", behind number, type, modifier and xmin.
  std::string_view flag() const {
    const std::vector<std::string_view> words = Split(own, ' ');
    return words.size() < 5 ? std::string_view() : words[4];
  }
};

std::map<int, PrintedColumn> PrintedColumns(const std::vector<std::string_view>& lines) {
  std::map<int, PrintedColumn> columns;
  for (std::size_t i = kLinesOfTable; i < lines.size(); ++i) {
    const std::string_view number = FirstWord(lines[i]);
    int attnum = 0;
    std::from_chars(number.data(), number.data() + number.size(), attnum);
    const std::size_t tab = std::min(lines[i].find('\t'), lines[i].size());
    columns[attnum] = {lines[i].substr(0, tab), lines[i].substr(std::min(tab + 1, lines[i].size()))};
  }
  return columns;
}

/// All that was there is, and what is new are labels of enums.
bool OnlyGotLabels(std::string_view before, std::string_view after) {
  std::vector<std::string_view> old = Split(before, ' '), now = Split(after, ' ');
  std::sort(old.begin(), old.end());
  std::sort(now.begin(), now.end());
  if (!std::includes(now.begin(), now.end(), old.begin(), old.end())) return false;
  std::vector<std::string_view> added;
  std::set_difference(now.begin(), now.end(), old.begin(), old.end(), std::back_inserter(added));
  return std::all_of(added.begin(), added.end(),
                     [](std::string_view word) { return word.substr(0, 1) == "e"; });
}

/// `rewritten`: a column that was added may have values, of which the catalogs know nothing any more.
bool InPlace(const std::map<int, PrintedColumn>& before, const std::map<int, PrintedColumn>& after,
             bool rewritten) {
  for (const auto& [number, column] : after) {
    const auto was = before.find(number);
    if (was == before.end()) {
      // A lower number was there before, and was computed.
      if (!before.empty() && number < before.rbegin()->first) return false;
      // Which PostgreSQL computes is not mirrored.
      if (column.flag() != "g" && (rewritten || column.flag() != "-")) return false;
    } else if (was->second.own != column.own || !OnlyGotLabels(was->second.type, column.type)) {
      return false;
    }
  }
  return true;
}

/// Returns whether a partition's rows were rewritten. It may have been UNLOGGED for a while, which its
/// definition does not show afterwards, and which PostgreSQL refuses only for a table that is in a
/// publication itself. A TRUNCATE looks the same.
bool PartitionsWereRewritten(std::string_view before, std::string_view after) {
  // The first file is the table's own; a partitioned table has none.
  const bool has_partitions = before.find(' ') != std::string_view::npos;
  return before != after && (has_partitions || after.find(' ') != std::string_view::npos);
}

}  // namespace

TableMove CompareFingerprints(std::string_view before, std::string_view after) {
  if (before == after) return TableMove::kNone;
  const std::vector<std::string_view> old = Split(before, '\n'), now = Split(after, '\n');
  if (old.size() < kLinesOfTable || now.size() < kLinesOfTable) return TableMove::kKey;
  if (FirstWord(old[0]) != FirstWord(now[0]) || old[1] != now[1]) return TableMove::kKey;
  if (old[0] != now[0] || old[2] != now[2] || PartitionsWereRewritten(old[3], now[3]))
    return TableMove::kRows;
  return InPlace(PrintedColumns(old), PrintedColumns(now), old[3] != now[3]) ? TableMove::kInPlace
                                                                             : TableMove::kRows;
}

bool InTheSameFiles(std::string_view before, std::string_view after) {
  const std::vector<std::string_view> old = Split(before, '\n'), now = Split(after, '\n');
  return old.size() >= kLinesOfTable && now.size() >= kLinesOfTable && old[3] == now[3];
}

bool PublishedTheSame(std::string_view before, std::string_view after) {
  return Split(before, '\n').front() == Split(after, '\n').front();
}

}  // namespace mirror
