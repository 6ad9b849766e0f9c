#include "tests/support/mirror_file.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>

#include "absl/strings/str_cat.h"
#include "base/digest.h"

namespace mirror {
namespace {

constexpr int kBusyMs = 20'000;
constexpr std::size_t kShownBytesMax = 200;  // As in fake_source.cc.
constexpr std::size_t kNamedRowsMax = 5;

struct Closer {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, Closer>;
using Statement = std::unique_ptr<sqlite3_stmt, Closer>;

Database Open(const std::string& path, int flags, std::string* error) {
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  Database database(db);
  if (code != SQLITE_OK) {
    *error = absl::StrCat("error: ", path, ": ", sqlite3_errstr(code));
    return nullptr;
  }
  sqlite3_busy_timeout(db, kBusyMs);
  return database;
}

std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  return quoted + "\"";
}

std::string QuotedText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c;
    if (c == '\'') quoted += c;
  }
  return quoted + "'";
}

std::string Bytes(sqlite3_stmt* statement, int column) {
  const void* const bytes = sqlite3_column_blob(statement, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

std::string Shown(sqlite3_stmt* statement, int column) {
  const char* type = "text";
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
      return "null";
    case SQLITE_INTEGER:
      return absl::StrCat("integer:", sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT: {
      char text[40];
      std::snprintf(text, sizeof(text), "real:%.17g", sqlite3_column_double(statement, column));
      return text;
    }
    case SQLITE_BLOB:
      type = "blob";
      break;
    default:
      break;
  }
  const std::string bytes = Bytes(statement, column);
  if (bytes.size() > kShownBytesMax) return absl::StrCat(type, ":#", bytes.size(), ":", HexDigest(bytes));
  return absl::StrCat(type, ":", bytes);
}

}  // namespace

std::vector<std::string> MirrorFile::Query(const std::string& sql) const {
  std::string error;
  const Database db = Open(path_, SQLITE_OPEN_READONLY, &error);
  if (!db) return {error};
  sqlite3_stmt* prepared = nullptr;
  sqlite3_prepare_v2(db.get(), sql.c_str(), -1, &prepared, nullptr);
  const Statement statement(prepared);
  std::vector<std::string> lines;
  int code = statement ? sqlite3_step(prepared) : SQLITE_ERROR;
  for (; code == SQLITE_ROW; code = sqlite3_step(prepared)) {
    std::string line;
    for (int i = 0; i < sqlite3_column_count(prepared); ++i) {
      absl::StrAppend(&line, i == 0 ? "" : " | ", Shown(prepared, i));
    }
    lines.push_back(std::move(line));
  }
  if (code != SQLITE_DONE) lines.push_back(absl::StrCat("error: ", sqlite3_errmsg(db.get())));
  return lines;
}

std::string MirrorFile::Value(const std::string& sql) const {
  const std::vector<std::string> lines = Query(sql);
  if (lines.empty()) return "no row";
  const std::size_t colon = lines.front().find(':');
  if (colon == std::string::npos || lines.front().starts_with("error:")) return lines.front();
  return lines.front().substr(colon + 1);
}

std::string MirrorFile::Execute(const std::string& sql) const {
  std::string error;
  const Database db = Open(path_, SQLITE_OPEN_READWRITE, &error);
  if (!db) return error;
  char* message = nullptr;
  if (sqlite3_exec(db.get(), sql.c_str(), nullptr, nullptr, &message) == SQLITE_OK) return "";
  error = absl::StrCat("error: ", message);
  sqlite3_free(message);
  return error;
}

std::vector<std::string> MirrorFile::Tables() const {
  std::vector<std::string> names;
  for (const std::string& line : Query(
           absl::StrCat("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' "
                        "ESCAPE '\\' AND name NOT LIKE '\\_mirror\\_%' ESCAPE '\\' AND name <> ",
                        QuotedText(context_id_ + "_mirroring"), " ORDER BY name"))) {
    names.push_back(line.starts_with("text:") ? line.substr(5) : line);
  }
  return names;
}

std::vector<std::string> MirrorFile::Columns(const std::string& table) const {
  std::vector<std::string> names;
  for (const std::string& line :
       Query(absl::StrCat("SELECT name FROM pragma_table_info(", QuotedText(table), ")"))) {
    names.push_back(line.starts_with("text:") ? line.substr(5) : line);
  }
  return names;
}

std::vector<std::string> MirrorFile::Rows(const TableSchema& schema) const {
  std::string names;
  for (const Column& column : schema.columns) {
    absl::StrAppend(&names, names.empty() ? "" : ", ", "t.", Quoted(column.name));
  }
  std::vector<std::string> rows =
      Query(absl::StrCat("SELECT ", names, " FROM ", Quoted(schema.name), " AS t"));
  std::sort(rows.begin(), rows.end());
  return rows;
}

std::int64_t MirrorFile::Lsn(const std::string& table) const {
  const std::string value =
      Value(absl::StrCat("SELECT lsn FROM ", metadata(), " WHERE table_name = ", QuotedText(table)));
  return value == "no row" || value == "null" ? -1 : std::atoll(value.c_str());
}

std::int64_t MirrorFile::RowCount(const std::string& table) const {
  return std::atoll(Value(absl::StrCat("SELECT count(*) FROM ", Quoted(table))).c_str());
}

std::string MirrorFile::CopyTo(const std::string& path) const {
  std::string error;
  const Database from = Open(path_, SQLITE_OPEN_READONLY, &error);
  if (!from) return error;
  const Database to = Open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &error);
  if (!to) return error;
  sqlite3_backup* const backup = sqlite3_backup_init(to.get(), "main", from.get(), "main");
  if (backup == nullptr) return absl::StrCat("error: ", sqlite3_errmsg(to.get()));
  sqlite3_backup_step(backup, -1);
  const int code = sqlite3_backup_finish(backup);
  return code == SQLITE_OK ? "" : absl::StrCat("error: ", sqlite3_errstr(code));
}

std::string Difference(const FakeSource& source, const MirrorFile& mirror) {
  std::string text;
  const auto list = [&text](const std::string& what, const std::vector<std::string>& a,
                            const std::vector<std::string>& b) {
    std::vector<std::string> only;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only));
    for (std::size_t i = 0; i < only.size() && i < kNamedRowsMax; ++i) {
      absl::StrAppend(&text, what, ": ", only[i], "\n");
    }
    if (only.size() > kNamedRowsMax) absl::StrAppend(&text, what, ": ", only.size(), " in all\n");
  };
  const auto compare = [&list](const std::string& what, std::vector<std::string> at_source,
                               std::vector<std::string> in_mirror) {
    std::sort(at_source.begin(), at_source.end());
    std::sort(in_mirror.begin(), in_mirror.end());
    list(what + " only at the source", at_source, in_mirror);
    list(what + " only in the mirror", in_mirror, at_source);
  };
  compare("table", source.Tables(), mirror.Tables());
  for (const std::string& table : source.Tables()) {
    const TableSchema& schema = source.Schema(table);
    std::vector<std::string> columns;
    for (const Column& column : schema.columns) columns.push_back(column.name);
    compare(absl::StrCat("column of '", table, "'"), columns, mirror.Columns(table));
    compare(absl::StrCat("row of '", table, "'"), source.ShownRows(table), mirror.Rows(schema));
  }
  return text;
}

}  // namespace mirror
