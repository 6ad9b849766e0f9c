#include "server/store/live_rows.h"

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

std::string Of(std::string_view alias, const char* column) {
  return alias.empty() ? column : absl::StrCat(std::string(alias), ".", column);
}

}  // namespace

bool HasOwned(const TableSchema& table) { return table.preserve_target || table.deletes == Deletes::kIgnore; }

bool HasDeletedAt(const TableSchema& table) { return table.deletes == Deletes::kMark; }

std::vector<std::string> OwnColumns(const TableSchema& table) {
  std::vector<std::string> names;
  if (HasOwned(table)) names.emplace_back(kOwnedColumn);
  if (HasDeletedAt(table)) names.emplace_back(kDeletedAtColumn);
  return names;
}

TableSchema WithOwnColumns(const TableSchema& table) {
  TableSchema all = table;
  for (const std::string& name : OwnColumns(table)) {
    all.columns.push_back(Column{.name = name, .type = Type::kInt64, .nullable = true});
  }
  all.preserve_target = false;
  all.deletes = Deletes::kApply;
  return all;
}

std::string LiveRows(const TableSchema& table, std::string_view alias) {
  // Nearly all rows are live. So the unary plus keeps the database from using an index that the partner may
  // have made on one of these columns.
  std::string live;
  if (HasOwned(table)) live = absl::StrCat("+", Of(alias, kOwnedColumn), " = 1");
  if (HasDeletedAt(table)) {
    absl::StrAppend(&live, live.empty() ? "+" : " AND +", Of(alias, kDeletedAtColumn), " IS NULL");
  }
  return live;
}

std::string LiveRowsByMarks(const TableSchema& table, bool has_owned, bool has_deleted_at,
                            std::string_view alias) {
  TableSchema marked = table;
  marked.preserve_target = has_owned;
  marked.deletes = has_deleted_at ? Deletes::kMark : Deletes::kApply;
  return LiveRows(marked, alias);
}

std::string AndLive(const TableSchema& table, std::string_view alias) {
  const std::string live = LiveRows(table, alias);
  return live.empty() ? live : absl::StrCat(" AND ", live);
}

std::string OwnNames(const TableSchema& table) {
  return HasOwned(table) ? absl::StrCat(", ", kOwnedColumn) : std::string();
}

std::string OwnValues(const TableSchema& table) { return HasOwned(table) ? ", 1" : ""; }

std::string Revive(const TableSchema& table, std::string_view behind) {
  std::string set;
  const auto add = [&](const char* column, const char* value) {
    absl::StrAppend(&set, behind.empty() && set.empty() ? "" : ", ", column, " = ", value);
  };
  if (HasOwned(table)) add(kOwnedColumn, "1");
  if (HasDeletedAt(table)) add(kDeletedAtColumn, "NULL");
  return set;
}

absl::Status TooManyBytes(const TableSchema& table, std::uint64_t bytes_max) {
  return absl::OutOfRangeError(
      absl::StrCat("the rows of table '", table.name, "' have more than ", bytes_max, " bytes"));
}

}  // namespace mirror
