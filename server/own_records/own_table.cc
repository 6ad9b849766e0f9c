#include "server/own_records/own_table.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

std::string_view TypeOf(Dialect dialect, ColumnKind kind) {
  const bool sqlite = dialect == Dialect::kSqlite;
  switch (kind) {
    case ColumnKind::kNumber:
      return sqlite ? "INTEGER" : "bigint";
    case ColumnKind::kFlag:
      return sqlite ? "INTEGER" : "boolean";
    case ColumnKind::kText:
      return sqlite ? "TEXT" : "text";
    case ColumnKind::kKeyText:
      return sqlite ? "TEXT" : "text COLLATE \"C\"";
    case ColumnKind::kRawText:
      return sqlite ? "TEXT" : "bytea";
    case ColumnKind::kBytes:
      return sqlite ? "BLOB" : "bytea";
  }
  return "";
}

std::string Parameter(Dialect dialect, int place) {
  return absl::StrCat(dialect == Dialect::kSqlite ? "?" : "$", place);
}

/// Returns the SQL that replaces the column; empty: none does.
std::string_view OtherOf(const ColumnShape& column, Instead instead) {
  for (const auto& [name, sql] : instead) {
    if (name == column.name) return sql;
  }
  return {};
}

std::string TableIn(const TableAt& at, std::string_view name) {
  return at.name.empty() ? std::string(at.before) + QuoteName(name) : std::string(at.name);
}

}  // namespace

std::size_t PlaceOf(absl::Span<const ColumnShape> columns, std::string_view name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const ColumnShape& column) { return column.name == name; });
  if (found == columns.end()) std::abort();
  return static_cast<std::size_t>(found - columns.begin());
}

OwnTable::OwnTable(std::string_view name, std::vector<ColumnShape> columns, const TableOptions& options)
    : name_(name), columns_(std::move(columns)), options_(options) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].packed >= 0) packed_.push_back(i);
  }
  std::sort(packed_.begin(), packed_.end(),
            [&](std::size_t a, std::size_t b) { return columns_[a].packed < columns_[b].packed; });
}

std::string OwnTable::Names(Instead instead) const {
  return absl::StrJoin(columns_, ", ", [&](std::string* to, const ColumnShape& column) {
    const std::string_view other = OtherOf(column, instead);
    *to += other.empty() ? QuoteName(column.name) : std::string(other);
  });
}

std::string OwnTable::Places(Dialect dialect, Instead instead) const {
  int place = 0;
  return absl::StrJoin(columns_, ", ", [&](std::string* to, const ColumnShape& column) {
    const std::string_view other = OtherOf(column, instead);
    ++place;
    *to += other.empty() ? Parameter(dialect, place) : std::string(other);
  });
}

std::string OwnTable::SelectSql(const TableAt& at, std::string_view rest) const {
  return absl::StrCat("SELECT ", Names(), " FROM ", TableIn(at, name_), " ", std::string(rest));
}

std::string OwnTable::InsertSql(const TableAt& at, Instead instead) const {
  return absl::StrCat("INSERT INTO ", TableIn(at, name_), " (", Names(), ") VALUES (",
                      Places(at.dialect, instead), ")");
}

std::string OwnTable::ReplaceSql(const TableAt& at) const {
  return absl::StrCat("INSERT OR REPLACE", InsertSql(at).substr(std::string_view("INSERT").size()));
}

std::string OwnTable::UpsertSql(const TableAt& at, Instead instead) const {
  const auto quoted = [](const std::vector<ColumnShape>& columns) {
    return absl::StrJoin(columns, ", ",
                         [](std::string* to, const ColumnShape& column) { *to += QuoteName(column.name); });
  };
  const std::vector<ColumnShape> others = Columns(/*is_key=*/false);
  const std::string keys = quoted(Columns(/*is_key=*/true));
  if (others.empty()) return absl::StrCat(InsertSql(at, instead), " ON CONFLICT (", keys, ") DO NOTHING");
  const std::string sets = absl::StrJoin(others, ", ", [](std::string* to, const ColumnShape& column) {
    const std::string name = QuoteName(column.name);
    absl::StrAppend(to, name, " = excluded.", name);
  });
  return absl::StrCat(InsertSql(at, instead), " ON CONFLICT (", keys, ") DO UPDATE SET ", sets);
}

std::string OwnTable::UpdateSql(const TableAt& at) const {
  std::string sets, keys;
  int place = 0;
  for (const ColumnShape& column : columns_) {
    std::string& to = column.is_key ? keys : sets;
    if (!to.empty()) to += column.is_key ? " AND " : ", ";
    absl::StrAppend(&to, QuoteName(column.name), " = ", Parameter(at.dialect, ++place));
  }
  const std::string sql = absl::StrCat("UPDATE ", TableIn(at, name_), " SET ", sets);
  return options_.has_one_row ? sql : absl::StrCat(sql, " WHERE ", keys);
}

std::string OwnTable::CreateSql(const TableAt& at) const { return "CREATE TABLE " + Body(at); }

std::string OwnTable::CreateMissingSql(const TableAt& at) const {
  return "CREATE TABLE IF NOT EXISTS " + Body(at);
}

/// Returns the text after a column's name. `is_whole_key`: no other column is part of the key.
std::string OwnTable::DeclarationOf(Dialect dialect, const ColumnShape& column, bool is_whole_key) const {
  const bool sqlite = dialect == Dialect::kSqlite;
  const std::string_view own = sqlite ? column.sqlite : column.postgres;
  if (!own.empty()) return std::string(own);
  std::string declared(TypeOf(dialect, column.kind));
  if (is_whole_key) return declared + " PRIMARY KEY";
  if (sqlite && options_.is_bare_in_sqlite) return declared;
  if (!column.may_be_null) declared += " NOT NULL";
  if (!column.default_sql.empty()) absl::StrAppend(&declared, " DEFAULT ", std::string(column.default_sql));
  return declared;
}

/// Returns the text in parentheses. SQLite stores this text, and it is the same in all files of one layout:
/// names have no quotes, as in the first version of the program.
std::string OwnTable::Body(const TableAt& at) const {
  const bool sqlite = at.dialect == Dialect::kSqlite;
  const auto name_of = [&](std::string_view name) { return sqlite ? std::string(name) : QuoteName(name); };
  const bool one_key = HasOneKey();
  std::vector<std::string> parts;
  for (const ColumnShape& column : columns_) {
    parts.push_back(
        absl::StrCat(name_of(column.name), " ", DeclarationOf(at.dialect, column, column.is_key && one_key)));
  }
  const std::vector<ColumnShape> keys = Columns(/*is_key=*/true);
  if (keys.size() > 1) {
    parts.push_back(absl::StrCat(
        "PRIMARY KEY (",
        absl::StrJoin(keys, ", ", [&](std::string* to, const ColumnShape& key) { *to += name_of(key.name); }),
        ")"));
  }
  for (const std::string_view constraint : {options_.constraint, sqlite ? options_.sqlite_constraint : ""}) {
    if (!constraint.empty()) parts.emplace_back(constraint);
  }
  const std::string_view behind = sqlite ? options_.sqlite_behind : options_.postgres_behind;
  const std::string name = at.name.empty() ? std::string(at.before) + name_of(name_) : std::string(at.name);
  return absl::StrCat(name, " (", absl::StrJoin(parts, ", "), ")", behind.empty() ? "" : " ",
                      std::string(behind));
}

std::string OwnTable::ColumnSql(Dialect dialect, std::string_view column) const {
  return absl::StrCat(QuoteName(column), " ",
                      DeclarationOf(dialect, columns_[PlaceOf(columns_, column)], /*is_whole_key=*/false));
}

std::string OwnTable::ColumnsSql(Dialect dialect) const {
  return absl::StrJoin(columns_, ", ", [&](std::string* to, const ColumnShape& column) {
    *to += ColumnSql(dialect, column.name);
  });
}

bool OwnTable::HasOneKey() const { return Columns(/*is_key=*/true).size() == 1; }

std::vector<ColumnShape> OwnTable::Columns(bool is_key) const {
  std::vector<ColumnShape> found;
  std::copy_if(columns_.begin(), columns_.end(), std::back_inserter(found),
               [&](const ColumnShape& column) { return column.is_key == is_key; });
  return found;
}

SqlOfMany::SqlOfMany(const OwnTable& table, std::string_view sql) {
  const std::string name = QuoteName(table.name());
  const std::size_t at = sql.find(name);
  if (at == std::string_view::npos || sql.find(name, at + 1) != std::string_view::npos) std::abort();
  before_ = sql.substr(0, at);
  behind_ = sql.substr(at + name.size());
}

std::string SqlOfMany::Of(std::string_view name) const {
  return absl::StrCat(before_, std::string(name), behind_);
}

}  // namespace mirror
