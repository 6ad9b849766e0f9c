#include "tests/support/table_contents.h"

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"

namespace mirror {
namespace {

constexpr std::size_t kShownBytes = 60;
constexpr std::size_t kShownLines = 4;
constexpr int kBusyMs = 20'000;

std::string Quoted(const std::string& name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string Shown(sqlite3_stmt* row, int column) {
  const char* type = "t:";
  switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
      return "null";
    case SQLITE_INTEGER:
      return absl::StrCat("i:", sqlite3_column_int64(row, column));
    case SQLITE_FLOAT: {
      char text[40];
      std::snprintf(text, sizeof text, "r:%.17g", sqlite3_column_double(row, column));
      return text;
    }
    case SQLITE_BLOB:
      type = "b:";
      break;
    default:
      break;
  }
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, column));
  const std::string value(bytes == nullptr ? "" : bytes,
                          static_cast<std::size_t>(sqlite3_column_bytes(row, column)));
  if (value.size() > kShownBytes) return absl::StrCat(type, "#", value.size(), ":", HexDigest(value));
  return type + absl::CHexEscape(value);
}

std::vector<std::string> Ask(sqlite3* database, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr);
  std::vector<std::string> lines;
  int code = statement == nullptr ? SQLITE_ERROR : SQLITE_ROW;
  while (code == SQLITE_ROW && (code = sqlite3_step(statement)) == SQLITE_ROW) {
    std::string line;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      absl::StrAppend(&line, i == 0 ? "" : " | ", Shown(statement, i));
    }
    lines.push_back(std::move(line));
  }
  if (code != SQLITE_DONE) lines.push_back(absl::StrCat("error: ", sqlite3_errmsg(database)));
  sqlite3_finalize(statement);
  return lines;
}

void ListOnly(const std::string& what, const std::vector<std::string>& a, const std::vector<std::string>& b,
              std::string* text) {
  std::vector<std::string> only;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only));
  for (std::size_t i = 0; i < only.size() && i < kShownLines; ++i) {
    absl::StrAppend(text, what, ": ", only[i], "\n");
  }
  if (only.size() > kShownLines) absl::StrAppend(text, what, ": ", only.size(), " in all\n");
}

}  // namespace

std::vector<std::string> ReadTable(sqlite3* database, const std::string& table) {
  const std::string sql = "SELECT * FROM " + Quoted(table);
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr);
  std::string names;
  for (int i = 0; statement != nullptr && i < sqlite3_column_count(statement); ++i) {
    absl::StrAppend(&names, " ", sqlite3_column_name(statement, i));
  }
  sqlite3_finalize(statement);
  std::vector<std::string> lines = Ask(database, sql);
  lines.push_back(absl::StrCat(" columns:", names));  // A space is less than every value.
  std::sort(lines.begin(), lines.end());
  return lines;
}

TableContents ReadTables(sqlite3* database) {
  TableContents contents;
  sqlite3_exec(database, "BEGIN", nullptr, nullptr, nullptr);
  for (const std::string& line :
       Ask(database,
           "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
           "AND name NOT LIKE '\\_mirror\\_%' ESCAPE '\\' AND name NOT LIKE '%\\_mirroring' ESCAPE '\\'")) {
    const bool name = line.starts_with("t:");
    contents[name ? line.substr(2) : line] =
        name ? ReadTable(database, line.substr(2)) : std::vector<std::string>();
  }
  sqlite3_exec(database, "COMMIT", nullptr, nullptr, nullptr);
  return contents;
}

TableContents ReadTables(const std::string& path) {
  sqlite3* database = nullptr;
  sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
  sqlite3_busy_timeout(database, kBusyMs);
  TableContents contents = ReadTables(database);
  sqlite3_close(database);
  return contents;
}

std::string Difference(const TableContents& source, const TableContents& mirror) {
  std::string text;
  for (const auto& [name, lines] : source) {
    const auto found = mirror.find(name);
    if (found == mirror.end()) {
      absl::StrAppend(&text, "table '", name, "' is not in the mirror\n");
      continue;
    }
    ListOnly(absl::StrCat("'", name, "' only at the source"), lines, found->second, &text);
    ListOnly(absl::StrCat("'", name, "' only in the mirror"), found->second, lines, &text);
    if (lines.size() != found->second.size()) absl::StrAppend(&text, "'", name, "': other counts\n");
  }
  for (const auto& [name, lines] : mirror) {
    if (!source.contains(name)) absl::StrAppend(&text, "table '", name, "' is only in the mirror\n");
  }
  return text;
}

}  // namespace mirror
