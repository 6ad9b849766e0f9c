#include <variant>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/datajoin/sqlite_boxes.h"

namespace mirror {
namespace {

/// In SQL: a time that compares as text, even if the column has the form 06/25/2025 10:30:00 AM.
std::string ComparableTime(const std::string& column) {
  const std::string time = absl::StrCat("ltrim(substr(", column, ", 11))");
  return absl::StrCat(
      "CASE WHEN ", column, " GLOB '[0-9][0-9]/[0-9][0-9]/[0-9][0-9][0-9][0-9] *' THEN substr(", column,
      ", 7, 4) || '-' || substr(", column, ", 1, 2) || '-' || substr(", column,
      ", 4, 2) || ' ' || printf('%02d', CASE WHEN upper(", time, ") LIKE '%M' THEN CAST(", time,
      " AS INTEGER) % 12 + CASE WHEN upper(", time, ") LIKE '%PM' THEN 12 ELSE 0 END ELSE CAST(", time,
      " AS INTEGER) END) || substr(", time, ", instr(", time, ", ':'), 6) ELSE ", column, " END");
}

/// Text and bytes must live until the statement was stepped.
void BindTo(sqlite::Statement& statement, int place, const Literal& value) {
  if (const auto* const number = std::get_if<std::int64_t>(&value)) {
    statement.Bind(place, *number);
  } else if (const auto* const real = std::get_if<double>(&value)) {
    statement.Bind(place, *real);
  } else if (const auto* const text = std::get_if<std::string>(&value)) {
    statement.Bind(place, std::string_view(*text));
  } else if (const auto* const bytes = std::get_if<Bytes>(&value)) {
    statement.BindBlob(place, bytes->value);
  } else {
    statement.BindNull(place);
  }
}

}  // namespace

BoxSql::Dialect SqliteBoxSql::dialect() const {
  return {"INTEGER", "INTEGER PRIMARY KEY AUTOINCREMENT", &ComparableTime,
          // length() of a text ends at its first NUL.
          [](const std::string& text) { return absl::StrCat("length(CAST(", text, " AS BLOB))"); }};
}

std::string SqliteBoxSql::Named(std::string_view table) const {
  return absl::StrCat("main.", std::string(table));
}

std::string SqliteBoxSql::IndexOn(std::string_view name, std::string_view table) const {
  return absl::StrCat("main.", std::string(name), " ON ", std::string(table));
}

std::string SqliteBoxSql::Place() const { return absl::StrCat("the source '", file_.mark().path, "'"); }

absl::Status SqliteBoxSql::Run(const std::string& sql, std::vector<Literal> bound) {
  sqlite::Statement statement = file_.Query(sql);
  for (std::size_t i = 0; i < bound.size(); ++i) BindTo(statement, static_cast<int>(i + 1), bound[i]);
  return statement.Run();
}

absl::StatusOr<std::vector<BoxRow>> SqliteBoxSql::Query(const std::string& sql, std::vector<Literal> bound) {
  sqlite::Statement statement = file_.Query(sql);
  for (std::size_t i = 0; i < bound.size(); ++i) BindTo(statement, static_cast<int>(i + 1), bound[i]);
  std::vector<BoxRow> rows;
  RETURN_IF_ERROR(ForEachRow(statement, [&] {
    BoxRow& row = rows.emplace_back();
    for (int i = 0; i < statement.columns(); ++i) row.push_back(ToLiteral(statement.ValueAt(i)));
  }));
  return rows;
}

absl::StatusOr<std::set<std::string>> SqliteBoxSql::ColumnsOf(std::string_view table) {
  ASSIGN_OR_RETURN(const std::vector<BoxRow> rows,
                   Query("SELECT name FROM temp.pragma_table_info(?1)", {std::string(table)}));
  std::set<std::string> folded;
  for (const BoxRow& row : rows) folded.insert(FoldName(BoxString(row.front())));
  return folded;
}

}  // namespace mirror
