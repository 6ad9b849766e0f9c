#include "client/source/steps/row_filter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/source/steps/row_expression.h"

namespace mirror {
namespace {

std::string RowOf(const TableSchema& table, bool with_values) {
  std::vector<std::string> columns;
  for (const Column& column : table.columns) {
    columns.push_back(absl::StrCat(with_values ? absl::StrCat("?", columns.size() + 1) : "NULL", " AS ",
                                   QuoteName(column.name)));
  }
  return absl::StrCat("(SELECT ", absl::StrJoin(columns, ", "), ") AS ", QuoteName(table.name));
}

}  // namespace

absl::StatusOr<RowFilter> RowFilter::Make(const TableSchema& table, const std::string& expression) {
  RowFilter filter;
  sqlite3* database = nullptr;
  const int code = sqlite3_open_v2(":memory:", &database,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  filter.database_.reset(database);
  if (code != SQLITE_OK) return absl::UnavailableError("SQLite cannot open a database in memory");
  // A misspelled name is a mistake, no text.
  sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  const auto columns = CheckExpression(database, RowOf(table, false), table.name, expression);
  if (!columns.ok()) return columns.status();
  const std::string sql = absl::StrCat("SELECT ", AsTerm(expression), " FROM ", RowOf(table, true));
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK) {
    return absl::InvalidArgumentError(sqlite3_errmsg(database));
  }
  filter.statement_ = Statement(statement);
  return filter;
}

std::set<std::string> ColumnsRead(const TableSchema& table, const std::string& expression) {
  std::set<std::string> all;
  std::vector<std::string> names;
  for (const Column& column : table.columns) {
    all.insert(column.name);
    names.push_back(QuoteName(column.name));
  }
  sqlite3* database = nullptr;
  const int code = sqlite3_open(":memory:", &database);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> closed(database, &sqlite3_close_v2);
  // Of a SELECT of values SQLite tells no column.
  const std::string made =
      absl::StrCat("CREATE TABLE main.", QuoteName(table.name), "(", absl::StrJoin(names, ", "), ")");
  if (code != SQLITE_OK || sqlite3_exec(database, made.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return all;
  }
  const auto read = CheckExpression(database, QuoteName(table.name), table.name, expression);
  return read.ok() ? *read : all;
}

void RowFilter::Bind(std::size_t column, const Value& value) {
  const int at = static_cast<int>(column) + 1;
  const auto size = static_cast<sqlite3_uint64>(value.bytes.size());
  switch (value.kind) {
    case Kind::kNull:
      sqlite3_bind_null(statement_.get(), at);
      break;
    case Kind::kInteger:
      sqlite3_bind_int64(statement_.get(), at, value.integer);
      break;
    case Kind::kReal:
      sqlite3_bind_double(statement_.get(), at, value.real);
      break;
    case Kind::kBlob:
      sqlite3_bind_blob64(statement_.get(), at, value.bytes.data(), size, SQLITE_STATIC);
      break;
    default:
      // Of an empty view the pointer may be null, which would be a NULL.
      sqlite3_bind_text64(statement_.get(), at, value.bytes.empty() ? "" : value.bytes.data(), size,
                          SQLITE_STATIC, SQLITE_UTF8);
  }
}

absl::StatusOr<bool> RowFilter::Matches() {
  const int code = sqlite3_step(statement_.get());
  // As WHERE has it: NULL is not true.
  const bool matches = code == SQLITE_ROW && sqlite3_column_double(statement_.get(), 0) != 0;
  statement_.Reset();
  if (code == SQLITE_ROW) return matches;
  return absl::InvalidArgumentError(
      absl::StrCat("'where' cannot be evaluated for a row: ", sqlite3_errmsg(database_.get())));
}

}  // namespace mirror
