#include "server/store/sqlite/file/sql.h"

#include <array>
#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/wire/text_form.h"
#include "server/store/live_rows.h"

namespace mirror {
namespace {

/// Returns a text literal. The check of the default has refused a NUL.
std::string QuoteText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') quoted += '\'';
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace

std::string_view SqliteDeclaration(const Column& column) {
  switch (column.type) {
    case Type::kBool:
    case Type::kInt16:
    case Type::kInt32:
    case Type::kInt64:
      return "INTEGER";
    case Type::kFloat:
    case Type::kDouble:
      return "REAL";
    case Type::kBytes:
      return "BLOB";
    case Type::kAny:
      switch (column.affinity) {
        case Affinity::kText:
          return "TEXT";
        case Affinity::kNumeric:
          return "NUMERIC";
        case Affinity::kInteger:
          return "INTEGER";
        case Affinity::kReal:
          return "REAL";
        default:
          return "";
      }
    default:
      return "TEXT";
  }
}

bool HasIntegerKey(const TableSchema& table) {
  const std::vector<std::uint32_t> key = table.Key();
  if (key.size() != 1) return false;
  const Type type = table.columns[key[0]].type;
  return type == Type::kInt16 || type == Type::kInt32 || type == Type::kInt64;
}

std::string NameList(const TableSchema& table, const std::vector<std::uint32_t>& columns) {
  std::string list;
  for (const std::uint32_t index : columns) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", QuoteName(table.columns[index].name));
  }
  return list;
}

std::string CreateTableSql(std::string_view name, const TableSchema& table, const std::string& more) {
  std::string sql = absl::StrCat("CREATE TABLE ", QuoteName(name), " (");
  const bool integer_key = HasIntegerKey(table);
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const Column& column = table.columns[i];
    absl::StrAppend(&sql, i == 0 ? "" : ", ", QuoteName(column.name));
    const std::string declaration(SqliteDeclaration(column));
    if (!declaration.empty()) absl::StrAppend(&sql, " ", declaration);
    if (integer_key && column.key_position == 1) absl::StrAppend(&sql, " PRIMARY KEY");
  }
  absl::StrAppend(&sql, more);
  const std::vector<std::uint32_t> key = table.Key();
  if (key.empty() || integer_key) return absl::StrCat(sql, ")");
  return absl::StrCat(sql, ", PRIMARY KEY (", NameList(table, key), ")) WITHOUT ROWID");
}

std::string OwnColumnsSql(const TableSchema& table) {
  std::string sql;
  for (const std::string& name : OwnColumns(table)) absl::StrAppend(&sql, ", ", QuoteName(name), " INTEGER");
  return sql;
}

std::string OrAbort(const TableSchema& table) { return KeepsPartner(table) ? " OR ABORT" : ""; }

std::string RemoveSql(const TableSchema& table, const std::string& target, std::string_view alias,
                      std::string_view now) {
  std::string name = QuoteName(target);
  if (!alias.empty()) absl::StrAppend(&name, " AS ", std::string(alias));
  switch (table.deletes) {
    case Deletes::kIgnore:
      return absl::StrCat("UPDATE OR ABORT ", name, " SET ", kOwnedColumn, " = 0");
    case Deletes::kMark:
      return absl::StrCat("UPDATE OR ABORT ", name, " SET ", kDeletedAtColumn, " = ", std::string(now));
    default:
      return absl::StrCat("DELETE FROM ", name);
  }
}

std::string LiteralSql(const Column& column, const Literal& literal) {
  if (const auto* integer = std::get_if<std::int64_t>(&literal)) {
    return HasTextForm(column.type) ? QuoteText(TextForm(column, *integer, {})) : absl::StrCat(*integer);
  }
  if (const auto* real = std::get_if<double>(&literal)) {
    std::array<char, 40> out;
    std::snprintf(out.data(), out.size(), "%.17g", *real == 0 ? 0.0 : *real);
    const std::string text = out.data();
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  if (const auto* text = std::get_if<std::string>(&literal)) return QuoteText(*text);
  if (const auto* bytes = std::get_if<Bytes>(&literal)) {
    if (column.type == Type::kUuid) return QuoteText(UuidText(bytes->value));
    return absl::StrCat("x'", absl::BytesToHexString(bytes->value), "'");
  }
  return "NULL";
}

}  // namespace mirror
