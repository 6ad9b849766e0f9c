#include "server/store/sqlite/rows/version_sql.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "server/store/live_rows.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_batch_table.h"

namespace mirror {
namespace {

std::string Of(std::string_view alias, std::string_view column) {
  return absl::StrCat(std::string(alias), ".", QuoteName(column));
}

std::vector<std::string> NamesOf(const TableSchema& table, const std::vector<std::uint32_t>& columns) {
  std::vector<std::string> names;
  for (const std::uint32_t column : columns) names.push_back(table.columns[column].name);
  return names;
}

std::vector<std::string> AllNames(const TableSchema& table) {
  std::vector<std::string> names;
  for (const Column& column : table.columns) names.push_back(column.name);
  return names;
}

std::string List(const std::vector<std::string>& names, std::string_view alias) {
  std::string list;
  for (const std::string& name : names) {
    absl::StrAppend(&list, list.empty() ? "" : ", ", alias.empty() ? QuoteName(name) : Of(alias, name));
  }
  return list;
}

std::string BatchColumnName(const ChangeBatch& batch, std::uint32_t column) {
  const auto found = std::find_if(batch.columns.begin(), batch.columns.end(),
                                  [&](const ColumnView& view) { return view.column == column; });
  return absl::StrCat("b.c", found - batch.columns.begin());
}

/// Returns "a.k = b.k AND ..." for all columns of the key.
std::string SameKey(const TableSchema& table, std::string_view a, std::string_view b) {
  std::string same;
  for (const std::string& name : NamesOf(table, table.Key())) {
    absl::StrAppend(&same, same.empty() ? "" : " AND ", Of(a, name), " = ", Of(b, name));
  }
  return same;
}

std::string SameKeyAsBatch(const TableSchema& table, const ChangeBatch& batch) {
  std::string same;
  for (const std::uint32_t column : table.Key()) {
    absl::StrAppend(&same, same.empty() ? "" : " AND ", Of("t", table.columns[column].name), " = ",
                    BatchColumnName(batch, column));
  }
  return same;
}

/// SQL for whether two rows differ. Values of ANY also differ if their types do. It compares row values and
/// not chains of ORs, because SQLite limits the depth of an expression.
class Difference {
 public:
  explicit Difference(const TableSchema& table) : collate_(KeepsPartner(table) ? " COLLATE BINARY" : "") {}

  void Add(const Column& column, const std::string& a, const std::string& b) {
    const char* const comma = a_.empty() ? "" : ", ";
    absl::StrAppend(&a_, comma, a, collate_);
    absl::StrAppend(&b_, comma, b);
    if (column.type != Type::kAny) return;
    const char* const behind = a_types_.empty() ? "" : ", ";
    absl::StrAppend(&a_types_, behind, "typeof(", a, ")");
    absl::StrAppend(&b_types_, behind, "typeof(", b, ")");
  }
  /// `word`: "IS" or "IS NOT".
  std::string Sql(const std::string& word) const {
    if (a_.empty()) return word == "IS" ? "1" : "0";
    std::string sql = absl::StrCat("(", a_, ") ", word, " (", b_, ")");
    if (a_types_.empty()) return sql;
    return absl::StrCat("(", sql, word == "IS" ? " AND (" : " OR (", a_types_, ") ", word, " (", b_types_,
                        "))");
  }

 private:
  const std::string collate_;
  std::string a_, b_, a_types_, b_types_;
};

std::string Into(const std::string& versions, const std::vector<std::string>& names) {
  return absl::StrCat("INSERT OR IGNORE INTO ", QuoteName(versions), " (", kVersionUntil, ", ", kVersionWas,
                      ", ", List(names, ""), ")");
}

std::string Where(const std::string& condition) {
  return condition.empty() ? std::string() : absl::StrCat(" WHERE ", condition);
}

std::string AndBehind(const std::string& condition) {
  return condition.empty() ? std::string() : absl::StrCat(" AND ", condition);
}

/// Returns whether the affinity is TEXT by SQLite's rules.
bool IsText(const std::string& declared) {
  for (const char* const part : {"char", "clob", "text"}) {
    if (absl::StrContains(FoldName(declared), part)) return !absl::StrContains(FoldName(declared), "int");
  }
  return false;
}

/// Returns `name`, or another name if the table has a column with that name.
std::string OwnName(const TableSchema& kept, const std::string& name) {
  return QuoteName(kept.Find(name) ? "_mirror_" + name : name);
}

}  // namespace

VisibleRows FindVisibleRows(const TableSchema& kept, const DeclaredColumns& columns,
                            std::string_view schema) {
  const std::string table = absl::StrCat(std::string(schema), QuoteName(kept.name), " AS t");
  std::string list;
  VisibleRows visible;
  bool is_whole = true;
  for (const Column& column : kept.columns) {
    const auto declared = columns.find(FoldName(column.name));
    const bool is_there =
        declared != columns.end() &&
        (column.rule == Rule::kPlain || IsText(declared->second) || SqliteDeclaration(column) != "TEXT");
    is_whole = is_whole && is_there;
    visible.has_key = visible.has_key && (is_there || column.key_position == 0);
    if (declared != columns.end()) visible.common.push_back(column.name);
    absl::StrAppend(&list, list.empty() ? "" : ", ", is_there ? Of("t", column.name) : "NULL", " AS ",
                    QuoteName(column.name));
  }
  visible.from = table;
  visible.live =
      LiveRowsByMarks(kept, columns.contains(kOwnedColumn), columns.contains(kDeletedAtColumn), "t");
  if (!is_whole) {
    visible.from = absl::StrCat("(SELECT ", list, " FROM ", table, Where(visible.live), ") AS t");
    visible.live.clear();
  }
  return visible;
}

std::string CreateVersionsSql(const std::string& versions, const TableSchema& kept) {
  std::string sql =
      absl::StrCat("CREATE TABLE ", QuoteName(versions), " (", kVersionNumber, " INTEGER PRIMARY KEY, ",
                   kVersionUntil, " INTEGER NOT NULL, ", kVersionWas, " INTEGER NOT NULL");
  for (const Column& column : kept.columns) {
    const std::string declaration(SqliteDeclaration(column));
    absl::StrAppend(&sql, ", ", QuoteName(column.name), declaration.empty() ? "" : " ", declaration);
  }
  return sql + ")";
}

std::string CreateVersionsIndexSql(const std::string& versions, const TableSchema& kept) {
  return absl::StrCat("CREATE UNIQUE INDEX ", QuoteName(versions + "_key"), " ON ", QuoteName(versions), " (",
                      NameList(kept, kept.Key()), ", ", kVersionUntil, ")");
}

std::string KeepOldSql(const std::string& versions, const TableSchema& kept, const ChangeBatch& batch,
                       bool compares) {
  Difference difference(kept);
  if (compares) {
    for (const ColumnView& view : batch.columns) {
      const Column& column = kept.columns[view.column];
      if (column.key_position != 0 && column.type != Type::kAny) continue;
      difference.Add(column, Of("t", column.name), BatchColumnName(batch, view.column));
    }
  }
  const std::string from_batch = absl::StrCat(" FROM ", BatchTable::NameFor(batch), " AS b ");
  const std::string table =
      absl::StrCat(QuoteName(kept.name), " AS t ON ", SameKeyAsBatch(kept, batch), AndLive(kept, "t"));
  const bool asks = compares && batch.operation != Operation::kDelete;
  if (batch.operation != Operation::kInsert) {
    // CROSS makes SQLite read the batch first, and then search the batch's keys in the table.
    return absl::StrCat(Into(versions, AllNames(kept)), " SELECT ?1, 1, ", List(AllNames(kept), "t"),
                        from_batch, "CROSS JOIN ", table, asks ? " WHERE " : "",
                        asks ? difference.Sql("IS NOT") : "");
  }
  std::string values;
  const std::string stands = absl::StrCat(Of("t", kept.columns[kept.Key()[0]].name), " IS NOT NULL");
  for (std::uint32_t i = 0; i < kept.columns.size(); ++i) {
    const Column& column = kept.columns[i];
    const std::string value = Of("t", column.name);
    absl::StrAppend(&values, ", ",
                    column.key_position == 0
                        ? value
                        : absl::StrCat("coalesce(", value, ", ", BatchColumnName(batch, i), ")"));
  }
  return absl::StrCat(Into(versions, AllNames(kept)), " SELECT ?1, ", stands, values, from_batch,
                      "LEFT JOIN ", table,
                      asks ? absl::StrCat(" WHERE NOT (", stands, ") OR ", difference.Sql("IS NOT")) : "");
}

std::string ForgetSameSql(const std::string& versions, const TableSchema& kept) {
  Difference difference(kept);
  for (const Column& column : kept.columns)
    difference.Add(column, Of("t", column.name), Of("v", column.name));
  return absl::StrCat("DELETE FROM ", QuoteName(versions), " AS v WHERE v.", kVersionNumber, " >= ?1 AND v.",
                      kVersionWas, " = 1 AND EXISTS (SELECT 1 FROM ", QuoteName(kept.name), " AS t WHERE ",
                      SameKey(kept, "t", "v"), AndLive(kept, "t"), " AND ", difference.Sql("IS"), ")");
}

std::string KeepDifferenceSql(const std::string& versions, const TableSchema& kept,
                              const VisibleRows& visible, const std::string& shadow) {
  Difference difference(kept);
  for (const std::string& name : visible.common) {
    const Column& column = kept.columns[*kept.Find(name)];
    if (column.key_position != 0 && column.type != Type::kAny) continue;
    difference.Add(column, Of("t", name), Of("s", name));
  }
  // The row had no value in a new column. So the new value is compared with NULL.
  const std::set<std::string> common(visible.common.begin(), visible.common.end());
  for (const Column& column : kept.columns) {
    if (!common.contains(column.name)) difference.Add(column, "NULL", Of("s", column.name));
  }
  const std::string missing = absl::StrCat(Of("s", kept.columns[kept.Key()[0]].name), " IS NULL");
  return absl::StrCat(Into(versions, visible.common), " SELECT ?1, 1, ", List(visible.common, "t"), " FROM ",
                      visible.from, " LEFT JOIN ", QuoteName(shadow), " AS s ON ", SameKey(kept, "s", "t"),
                      " WHERE (", missing, " OR ", difference.Sql("IS NOT"), ")", AndBehind(visible.live));
}

std::string KeepNewSql(const std::string& versions, const TableSchema& kept, const VisibleRows& visible,
                       const std::string& shadow) {
  const std::vector<std::string> key = NamesOf(kept, kept.Key());
  return absl::StrCat(Into(versions, key), " SELECT ?1, 0, ", List(key, "s"), " FROM ", QuoteName(shadow),
                      " AS s WHERE NOT EXISTS (SELECT 1 FROM ", visible.from, " WHERE ",
                      SameKey(kept, "t", "s"), AndBehind(visible.live), ")");
}

std::string LiveRowsSql(const TableSchema& kept, const VisibleRows& visible) {
  return absl::StrCat("SELECT ", List(AllNames(kept), "t"), " FROM ", visible.from, Where(visible.live));
}

std::string AsOfSql(const std::string& versions, const TableSchema& kept, const VisibleRows& visible,
                    std::string_view place) {
  const std::string name = QuoteName(versions);
  const std::string later = absl::StrCat(kVersionUntil, " > ", std::string(place));
  return absl::StrCat("SELECT ", List(AllNames(kept), "t"), " FROM ", visible.from,
                      " WHERE NOT EXISTS (SELECT 1 FROM ", name, " AS v WHERE ", SameKey(kept, "v", "t"),
                      " AND v.", later, ")", AndBehind(visible.live), " UNION ALL SELECT ",
                      List(AllNames(kept), "v"), " FROM ", name, " AS v WHERE v.", kVersionWas, " = 1 AND v.",
                      later, " AND NOT EXISTS (SELECT 1 FROM ", name, " AS x WHERE ", SameKey(kept, "x", "v"),
                      " AND x.", later, " AND x.", kVersionUntil, " < v.", kVersionUntil, ")");
}

std::string CreateViewSql(const std::string& view, const std::string& versions, const TableSchema& kept,
                          const VisibleRows& visible) {
  const std::string name = QuoteName(versions);
  const std::vector<std::string> all = AllNames(kept);
  const std::string first = absl::StrCat("(SELECT max(x.", kVersionUntil, ") FROM ", name, " AS x WHERE ");
  const auto as = [&kept](const char* own) { return absl::StrCat(" AS ", OwnName(kept, own)); };
  return absl::StrCat(
      "CREATE VIEW ", QuoteName(view), " AS SELECT ", List(all, "r"), ", r._mirror_from", as("from_moment"),
      ", r._mirror_to", as("to_moment"), ", f.lsn", as("from_lsn"), ", e.lsn", as("to_lsn"),
      ", coalesce(f.source_ms, f.done_ms)", as("from_ms"), ", coalesce(e.source_ms, e.done_ms)", as("to_ms"),
      ", (SELECT iif(x.", kVersionWas, ", 'UPDATE', 'INSERT') FROM ", name, " AS x WHERE ",
      SameKey(kept, "x", "r"), " AND x.", kVersionUntil, " = r._mirror_from)", as("operation"),
      " FROM (SELECT ", List(all, "t"), ", ", first, SameKey(kept, "x", "t"),
      ") AS _mirror_from, NULL AS _mirror_to FROM ", visible.from, Where(visible.live), " UNION ALL SELECT ",
      List(all, "v"), ", ", first, SameKey(kept, "x", "v"), " AND x.", kVersionUntil, " < v.", kVersionUntil,
      "), v.", kVersionUntil, " FROM ", name, " AS v WHERE v.", kVersionWas,
      " = 1) AS r LEFT JOIN _mirror_journal AS f ON f.number = r._mirror_from LEFT JOIN _mirror_journal AS e "
      "ON e.number = r._mirror_to");
}

}  // namespace mirror
