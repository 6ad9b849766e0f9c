#include "client/source/steps/row_filter.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/source/sqlite/file/sqlite_file.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

/// Returns whether a SQL text contains SELECT. SQLite does not report each SELECT of a statement: it turns
/// some into an index lookup.
bool HoldsSelect(std::string_view sql) {
  std::string word;
  for (std::size_t i = 0; i < sql.size(); ++i) {
    const char c = sql[i];
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_') {
      word += c;
      continue;
    }
    if (SameName(word, "select")) return true;
    word.clear();
    // Quoted text is not a word.
    if (c == '\'' || c == '"' || c == '`' || c == '[') {
      i = std::min(sql.find(c == '[' ? ']' : c, i + 1), sql.size() - 1);
    } else if (sql.substr(i, 2) == "--") {
      i = std::min(sql.find('\n', i), sql.size() - 1);
    } else if (sql.substr(i, 2) == "/*") {
      i = std::min(sql.find("*/", i + 2), sql.size() - 2) + 1;
    }
  }
  return SameName(word, "select");
}

/// Facts that SQLite reports while it prepares a statement.
struct Found {
  std::string table;
  int selects = 0;
  int selects_allowed = 0;
  std::set<std::string> columns;
  std::string refused;

  int Refuse(std::string why) {
    if (refused.empty()) refused = std::move(why);
    return SQLITE_DENY;
  }
};

int OnFunction(Found* found, std::string_view name) {
  static constexpr std::array<std::string_view, 9> kUnsteady = {
      "random",       "randomblob",        "changes",           "total_changes", "current_date",
      "current_time", "current_timestamp", "last_insert_rowid", "load_extension"};
  const bool unsteady = absl::StartsWith(std::string(name), "_mirror_") ||
                        std::any_of(kUnsteady.begin(), kUnsteady.end(),
                                    [&](std::string_view other) { return SameName(other, name); });
  if (!unsteady) return SQLITE_OK;
  return found->Refuse(absl::StrCat("the function ", std::string(name), " is not allowed"));
}

int Authorize(void* context, int action, const char* first, const char* second, const char*, const char*) {
  auto* const found = static_cast<Found*>(context);
  switch (action) {
    case SQLITE_SELECT:
      if (++found->selects <= found->selects_allowed) return SQLITE_OK;
      return found->Refuse("it uses more than the columns of the row itself");
    case SQLITE_READ:
      if (!SameName(first, found->table))
        return found->Refuse("it reads another table; only the columns of the row itself may be used");
      if (second != nullptr && *second != '\0') found->columns.insert(second);
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return OnFunction(found, second == nullptr ? "" : second);
    default:
      return found->Refuse("it does more than read a row");
  }
}

absl::Status Prepare(sqlite3* database, const std::string& sql, Found* found) {
  sqlite3_set_authorizer(database, &Authorize, found);
  sqlite3_stmt* prepared = nullptr;
  const char* tail = nullptr;
  const int code = sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &prepared, &tail);
  const int parameters = sqlite3_bind_parameter_count(prepared);
  sqlite3_finalize(prepared);
  sqlite3_set_authorizer(database, nullptr, nullptr);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return absl::UnavailableError(sqlite3_errmsg(database));
  if (!found->refused.empty()) return absl::InvalidArgumentError(found->refused);
  if (code != SQLITE_OK) return absl::InvalidArgumentError(sqlite3_errmsg(database));
  if (tail != sql.data() + sql.size()) return absl::InvalidArgumentError("something follows the expression");
  if (parameters > 0) return absl::InvalidArgumentError("it has a parameter, and nothing gives it a value");
  return absl::OkStatus();
}

constexpr char kOpening[] = "opening";

/// Returns the SQL for the value of a parameter. A DECIMAL is bound as text, which SQLite orders after any
/// number, so it is converted to a number. NaN has no number, and stays greater than all.
std::string ValueOf(const Column& column, std::size_t number) {
  const std::string value = absl::StrCat("?", number);
  if (column.type != Type::kDecimal) return value;
  return absl::StrCat("CASE ", value,
                      " WHEN '-Infinity' THEN -9e999 WHEN 'Infinity' THEN 9e999 WHEN 'NaN' THEN ", value,
                      " ELSE CAST(", value, " AS NUMERIC) END");
}

std::string RowOf(const TableSchema& table, bool with_values) {
  std::vector<std::string> columns;
  for (const Column& column : table.columns) {
    columns.push_back(absl::StrCat(with_values ? ValueOf(column, columns.size() + 1) : "NULL", " AS ",
                                   QuoteName(column.name)));
  }
  return absl::StrCat("(SELECT ", absl::StrJoin(columns, ", "), ") AS ", QuoteName(table.name));
}

absl::StatusOr<std::unique_ptr<sqlite::Connection>> OpenInMemory() {
  return sqlite::Connection::Open(
      ":memory:", {.mode = sqlite::OpenAs::Mode::kMake, .one_thread = true},
      [](const sqlite::Failure& failure, std::string_view doing) {
        return doing == kOpening
                   ? absl::UnavailableError("SQLite cannot open a database in memory")
                   : absl::InvalidArgumentError(absl::StrCat(std::string(doing), failure.words));
      },
      kOpening);
}

}  // namespace

std::string AsTerm(const std::string& expression) {
  // The line end terminates a comment that begins with '--'.
  return absl::StrCat("(", expression, "\n)");
}

absl::StatusOr<std::set<std::string>> CheckExpression(sqlite3* database, const std::string& from,
                                                      const std::string& table,
                                                      const std::string& expression) {
  if (HoldsSelect(expression)) {
    return absl::InvalidArgumentError("it holds a SELECT; only the columns of the row itself may be used");
  }
  Found plain{.table = table, .selects_allowed = INT32_MAX};
  const std::string head = absl::StrCat("SELECT 1 FROM ", from, " WHERE ");
  RETURN_IF_ERROR(Prepare(database, head + "1", &plain));
  // The first check shows that the expression closes no parenthesis that it did not open. The second shows
  // that it leaves none open.
  Found found;
  for (const std::string& term : {expression + "\n", AsTerm(expression)}) {
    found = Found{.table = table, .selects_allowed = plain.selects};
    RETURN_IF_ERROR(Prepare(database, head + term, &found));
  }
  return found.columns;
}

absl::StatusOr<RowFilter> RowFilter::Make(const TableSchema& table, const std::string& expression) {
  RowFilter filter;
  ASSIGN_OR_RETURN(filter.database_, OpenInMemory());
  sqlite3* const database = filter.database_->handle();
  filter.database_->ReadQuotedAsNames();
  const auto columns = CheckExpression(database, RowOf(table, false), table.name, expression);
  if (!columns.ok()) return columns.status();
  const std::string sql = absl::StrCat("SELECT ", AsTerm(expression), " FROM ", RowOf(table, true));
  filter.statement_ = filter.database_->Prepare(sql);
  if (!filter.statement_.status().ok()) return filter.statement_.status();
  filter.statement_.SetDoing("'where' cannot be evaluated for a row: ");
  filter.columns_ = table.columns;
  filter.texts_.resize(table.columns.size());
  return filter;
}

std::set<std::string> ColumnsRead(const TableSchema& table, const std::string& expression) {
  std::set<std::string> all;
  std::vector<std::string> names;
  for (const Column& column : table.columns) {
    all.insert(column.name);
    names.push_back(QuoteName(column.name));
  }
  const auto database = OpenInMemory();
  // If no column is read, SQLite reports none.
  const std::string made =
      absl::StrCat("CREATE TABLE main.", QuoteName(table.name), "(", absl::StrJoin(names, ", "), ")");
  if (!database.ok() || !(*database)->Execute(made).ok()) return all;
  const auto read = CheckExpression((*database)->handle(), QuoteName(table.name), table.name, expression);
  return read.ok() ? *read : all;
}

void RowFilter::Bind(std::size_t column, const Value& value) {
  const int at = static_cast<int>(column) + 1;
  if (value.kind != Kind::kNull && HasTextForm(columns_[column].type)) {
    texts_[column] = TextForm(columns_[column], value.integer, value.bytes);
    statement_.Bind(at, std::string_view(texts_[column]));
    return;
  }
  switch (value.kind) {
    case Kind::kNull:
      statement_.BindNull(at);
      break;
    case Kind::kInteger:
      statement_.Bind(at, value.integer);
      break;
    case Kind::kReal:
      statement_.Bind(at, value.real);
      break;
    case Kind::kBlob:
      statement_.BindBlob(at, value.bytes);
      break;
    default:
      statement_.Bind(at, value.bytes);
  }
}

absl::StatusOr<bool> RowFilter::Matches() {
  const absl::Status row = statement_.StepToRow();
  // NULL is not true, as in WHERE.
  const bool matches = row.ok() && statement_.Real(0) != 0;
  statement_.Reset();
  if (!row.ok()) return row;
  return matches;
}

}  // namespace mirror
