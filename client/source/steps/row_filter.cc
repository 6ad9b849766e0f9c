#include "client/source/steps/row_filter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/source/steps/row_expression.h"
#include "proto/wire/text_form.h"

namespace mirror {
namespace {

constexpr char kOpening[] = "opening";

/// A DECIMAL comes as its text, which is greater than any number: it is made one. NaN, which has none, stays
/// greater than all.
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
  // Of a SELECT of values SQLite tells no column.
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
  // As WHERE has it: NULL is not true.
  const bool matches = row.ok() && statement_.Real(0) != 0;
  statement_.Reset();
  if (!row.ok()) return row;
  return matches;
}

}  // namespace mirror
