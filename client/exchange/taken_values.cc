#include "client/exchange/taken_values.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

using Columns = std::vector<std::uint32_t>;

/// The columns of each UNIQUE constraint or index of the table; of one with an expression, none.
absl::StatusOr<std::vector<Columns>> UniqueColumns(const SqliteFile& file, const MemberTable& table) {
  sqlite::Statement query = file.Query(
      "SELECT l.seq, i.name FROM temp.pragma_index_list(?1, 'main') AS l JOIN temp.pragma_index_info(l.name, "
      "'main') AS i WHERE l.\"unique\" = 1 AND l.partial = 0 AND l.origin <> 'pk' ORDER BY l.seq, i.seqno");
  query.With(table.name());
  std::map<std::int64_t, Columns> by_index;
  std::set<std::int64_t> unknown;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    const std::int64_t index = query.Int(0);
    const std::vector<Column>& columns = table.plan.schema.columns;
    const std::string name = query.IsNull(1) ? "" : query.Text(1);
    const auto column = std::find_if(columns.begin(), columns.end(),
                                     [&](const Column& one) { return SameName(one.name, name); });
    if (name.empty() || column == columns.end()) {
      unknown.insert(index);
    } else {
      by_index[index].push_back(static_cast<std::uint32_t>(column - columns.begin()));
    }
  }
  if (!row.ok()) return row.status();
  std::vector<Columns> found;
  for (auto& [index, columns] : by_index) {
    if (!unknown.contains(index)) found.push_back(std::move(columns));
  }
  return found;
}

/// Returns whether a foreign key refers to one of these columns. A moment of NULL would go on into the rows
/// that refer to it.
absl::StatusOr<bool> IsReferredTo(const SqliteFile& file, const MemberTable& table,
                                  const std::set<std::uint32_t>& columns) {
  sqlite::Statement query = file.Query(
      "SELECT f.\"to\" FROM main.sqlite_schema AS m JOIN temp.pragma_foreign_key_list(m.name, "
      "'main') AS f WHERE m.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE AND f.\"to\" IS NOT "
      "NULL");
  query.With(table.name());
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    const std::string to = query.Text(0);
    for (const std::uint32_t column : columns) {
      if (SameName(table.plan.schema.columns[column].name, to)) return true;
    }
  }
  return row;
}

/// Keys of other rows that have, in these columns, what the task's row is to have.
absl::StatusOr<std::vector<RowOf>> RowsWith(const SqliteFile& file, const DeliveryTask& task,
                                            const Columns& columns) {
  const MemberTable& table = *task.table;
  const std::string name = absl::StrCat("main.", QuoteName(table.name()));
  const auto quoted = [&](std::uint32_t column) { return QuoteName(table.plan.schema.columns[column].name); };
  const int parts = static_cast<int>(task.key.size());
  std::vector<std::string> key, terms;
  for (const std::uint32_t column : table.key) key.push_back(quoted(column));
  std::vector<const sqlite::Value*> bound;
  for (const std::uint32_t column : columns) {
    const auto written = std::find_if(task.written.begin(), task.written.end(),
                                      [&](const auto& one) { return one.first == column; });
    if (written == task.written.end()) {
      terms.push_back(absl::StrCat("o.", quoted(column), " = (SELECT ", quoted(column), " FROM ", name,
                                   " WHERE ", table.KeyIs(1), ")"));
    } else {
      bound.push_back(&written->second);
      terms.push_back(absl::StrCat("o.", quoted(column), " = ?", parts + static_cast<int>(bound.size())));
    }
  }
  sqlite::Statement query =
      file.Query(absl::StrCat("SELECT ", absl::StrJoin(key, ", "), " FROM ", name, " AS o WHERE ",
                              absl::StrJoin(terms, " AND "), " AND NOT (", table.KeyIs(1), ")"));
  int place = 0;
  for (const sqlite::Value& part : task.key) query.Bind(++place, part);
  for (const sqlite::Value* const value : bound) query.Bind(++place, *value);
  std::vector<RowOf> rows;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    RowOf& found = rows.emplace_back();
    for (int i = 0; i < parts; ++i) found.push_back(query.ValueAt(i));
  }
  if (!row.ok()) return row.status();
  return rows;
}

}  // namespace

absl::StatusOr<TakenValues> FindTaken(const SqliteFile& file, const DeliveryTask& task) {
  ASSIGN_OR_RETURN(const std::vector<Columns> indexes, UniqueColumns(file, *task.table));
  std::map<std::string, RowOf> rows;
  TakenValues taken;
  bool lets_go = true;
  for (const Columns& columns : indexes) {
    const bool is_written = std::any_of(columns.begin(), columns.end(), [&](std::uint32_t column) {
      return std::any_of(task.written.begin(), task.written.end(),
                         [&](const auto& one) { return one.first == column; });
    });
    if (!is_written) continue;
    ASSIGN_OR_RETURN(std::vector<RowOf> found, RowsWith(file, task, columns));
    if (found.empty()) continue;
    for (RowOf& row : found) rows.try_emplace(KeyText(row), std::move(row));
    bool is_freed = false;
    for (const auto& [column, value] : task.written) {
      const Column& written = task.table->plan.schema.columns[column];
      const bool is_of_index = std::find(columns.begin(), columns.end(), column) != columns.end();
      if (!is_of_index || !written.nullable || written.key_position != 0) continue;
      taken.columns.insert(column);
      is_freed = true;
    }
    lets_go = lets_go && is_freed;
  }
  if (!lets_go) taken.columns.clear();
  ASSIGN_OR_RETURN(const bool is_referred_to, IsReferredTo(file, *task.table, taken.columns));
  if (is_referred_to) taken.columns.clear();
  for (auto& [text, row] : rows) taken.rows.push_back(std::move(row));
  return taken;
}

absl::Status SetToNull(const SqliteFile& file, const DeliveryTask& task,
                       const std::set<std::uint32_t>& columns) {
  const MemberTable& table = *task.table;
  std::vector<std::string> sets;
  for (const std::uint32_t column : columns) {
    sets.push_back(absl::StrCat(QuoteName(table.plan.schema.columns[column].name), " = NULL"));
  }
  sqlite::Statement update =
      file.Query(absl::StrCat("UPDATE OR ABORT main.", QuoteName(table.name()), " SET ",
                              absl::StrJoin(sets, ", "), " WHERE ", table.KeyIs(1)));
  int place = 0;
  for (const sqlite::Value& part : task.key) update.Bind(++place, part);
  return update.Run();
}

}  // namespace mirror
