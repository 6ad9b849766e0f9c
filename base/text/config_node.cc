#include "base/text/config_node.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

using Kind = ConfigNode::Kind;

ConfigNode NodeOf(const toml::node& from);

ConfigNode TableOf(const toml::table& from) {
  ConfigNode table;
  for (const auto& [key, value] : from) {
    ConfigNode entry = NodeOf(value);
    entry.name = std::string(key.str());
    if (key.source().begin.line > 0) entry.line = static_cast<int>(key.source().begin.line);
    table.entries.push_back(std::move(entry));
  }
  // Sorted by line, so that the first of several errors in the file is reported.
  std::stable_sort(table.entries.begin(), table.entries.end(),
                   [](const ConfigNode& a, const ConfigNode& b) { return a.line < b.line; });
  return table;
}

ConfigNode NodeOf(const toml::node& from) {
  ConfigNode node;
  if (const toml::table* const table = from.as_table()) {
    node = TableOf(*table);
  } else if (const toml::array* const list = from.as_array()) {
    node.kind = list->is_array_of_tables() ? Kind::kBlocks : Kind::kList;
    for (const toml::node& entry : *list) node.entries.push_back(NodeOf(entry));
  } else if (const auto* const text = from.as_string()) {
    node.kind = Kind::kText;
    node.text = text->get();
  } else if (const auto* const whole = from.as_integer()) {
    node.kind = Kind::kWhole;
    node.whole = whole->get();
  } else if (const auto* const flag = from.as_boolean()) {
    node.kind = Kind::kFlag;
    node.flag = flag->get();
  } else {
    node.kind = from.is_floating_point() ? Kind::kFraction : Kind::kTime;
  }
  node.line = static_cast<int>(from.source().begin.line);
  return node;
}

/// Greatest number of dots in a statement. Nested tables are destroyed recursively, so that a key with very
/// many parts (a.a.a = 1) would overflow the stack.
constexpr int kDotsMax = 1'000;

/// Returns the position after the text that begins at `begin`, or the end of the file.
std::size_t EndOfText(std::string_view all, std::size_t begin) {
  const char quote = all[begin];
  const std::string three(3, quote);
  const std::string_view end =
      all.substr(begin).starts_with(three) ? std::string_view(three) : all.substr(begin, 1);
  for (std::size_t i = begin + end.size(); i < all.size(); ++i) {
    if (quote == '"' && all[i] == '\\') {
      ++i;
    } else if (all.substr(i).starts_with(end)) {
      return i + end.size();
    }
  }
  return all.size();
}

/// Returns the line of the first statement with more than kDotsMax dots outside of texts and comments; 0:
/// there is none.
int FindManyDots(std::string_view text) {
  int line = 1, brackets = 0, dots = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '#') i = std::min(text.find('\n', i), text.size()) - 1;
    if (c == '"' || c == '\'') {
      const std::size_t end = EndOfText(text, i);
      line += static_cast<int>(std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                                          text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      i = end - 1;
    }
    if (c == '[' || c == '{') ++brackets;
    if (c == ']' || c == '}') --brackets;
    if (c == '.' && ++dots > kDotsMax) return line;
    if (c != '\n') continue;
    ++line;
    if (brackets <= 0) dots = 0;
  }
  return 0;
}

}  // namespace

const ConfigNode* ConfigNode::Find(std::string_view key) const {
  for (const ConfigNode& entry : entries) {
    if (kind == Kind::kTable && entry.name == key) return &entry;
  }
  return nullptr;
}

std::string KindName(Kind kind) {
  switch (kind) {
    case Kind::kTable:
      return "a table";
    case Kind::kBlocks:
    case Kind::kList:
      return "a list";
    case Kind::kText:
    case Kind::kVariable:
      return "a text";
    case Kind::kWhole:
      return "a whole number";
    case Kind::kFraction:
      return "a number with a fraction";
    case Kind::kFlag:
      return "true or false";
    case Kind::kTime:
      break;
  }
  return "a date or time";
}

absl::StatusOr<ConfigNode> ParseToml(const std::string& text, const std::string& file) {
  if (const int line = FindManyDots(text); line > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ":", line, ": a key has too many parts: ", kDotsMax, " dots are the limit"));
  }
  try {
    return TableOf(toml::parse(std::string_view(text), std::string_view(file)));
  } catch (const toml::parse_error& wrong) {
    const std::string why(wrong.description());
    // For a value like 20m, which must be a quoted text.
    const char* const quotes =
        absl::StrContains(why, "expected digit") ? ". Write a value with a unit in quotes, as \"20m\"" : "";
    return absl::InvalidArgumentError(
        absl::StrCat(file, ":", wrong.source().begin.line, ": not TOML: ", why, quotes));
  }
}

std::vector<ConfigNode> DescribedRows(const EmbeddedFile& file, std::string_view table) {
  const ConfigNode root = ParseToml(std::string(file.bytes()), file.name).value();
  std::vector<ConfigNode> rows;
  for (const ConfigNode& one : root.Find("table")->entries) {
    if (!table.empty() && one.Find("name")->text != table) continue;
    const std::vector<ConfigNode>& of_table = one.Find("rows")->entries;
    rows.insert(rows.end(), of_table.begin(), of_table.end());
  }
  return rows;
}

}  // namespace mirror
