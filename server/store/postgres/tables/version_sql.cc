#include "server/store/postgres/tables/version_sql.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/types.h"

namespace mirror {
namespace {

std::string Of(std::string_view alias, std::string_view column) {
  return absl::StrCat(std::string(alias), ".", QuoteName(column));
}

void Append(std::string* list, const std::string& what) {
  absl::StrAppend(list, list->empty() ? "" : ", ", what);
}

/// Returns all columns, then kKindsColumn.
std::string AllOf(const TableSchema& kept, std::string_view alias) {
  std::string list;
  for (const Column& column : kept.columns)
    Append(&list, alias.empty() ? QuoteName(column.name) : Of(alias, column.name));
  if (HasKinds(kept)) Append(&list, alias.empty() ? kKindsColumn : Of(alias, kKindsColumn));
  return list;
}

std::string BatchColumn(const ChangeBatch& batch, std::uint32_t column) {
  return absl::StrCat("b.c", batch.Find(column) - batch.columns.data());
}

/// Returns SQL for the kind of a stored value. It is undefined for NULL.
std::string StoredKind(std::string_view alias, const Column& column, std::size_t place,
                       const PostgresKinds& kinds) {
  if (place >= kinds.defaults.size()) return "0";
  const std::string bytes = absl::StrCat(std::string(alias), ".", kKindsColumn);
  return absl::StrCat("CASE WHEN ", Of(alias, column.name), " IS NULL THEN 0 WHEN octet_length(", bytes,
                      ") > ", place, " THEN get_byte(", bytes, ", ", place, ") ELSE ",
                      static_cast<int>(kinds.defaults[place]), " END");
}

/// Compares two rows of values. The kinds of ANY values are compared in a second ROW, because a ROW can have
/// only as many values as a table can have columns.
class Difference {
 public:
  void Add(const Column& column, const std::string& a, const std::string& b) {
    const char* const compared = AsCompared(column);
    Append(&a_, absl::StrCat(a, compared));
    Append(&b_, absl::StrCat(b, compared));
  }
  void AddKinds(const std::string& a, const std::string& b) {
    Append(&a_kinds_, a);
    Append(&b_kinds_, b);
  }
  /// Returns SQL that is true if the rows differ, or with `same` if they are equal.
  std::string Sql(bool same = false) const {
    const char* const is = same ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ";
    if (a_.empty()) return same ? "true" : "false";
    std::string sql = absl::StrCat("ROW(", a_, ")", is, "ROW(", b_, ")");
    if (a_kinds_.empty()) return absl::StrCat("(", sql, ")");
    return absl::StrCat("(", sql, same ? " AND " : " OR ", "ROW(", a_kinds_, ")", is, "ROW(", b_kinds_, "))");
  }

 private:
  std::string a_, b_, a_kinds_, b_kinds_;
};

/// Returns the name of a column of the view. A mirrored column may already have `name`.
std::string ViewColumn(const TableSchema& kept, const std::string& name) {
  return kept.Find(name) ? QuoteName("_mirror_" + name) : name;
}

}  // namespace

std::string VersionSql::Key(std::string_view alias) const {
  std::string list;
  for (const std::uint32_t column : kept_.Key()) {
    const std::string& name = kept_.columns[column].name;
    Append(&list, alias.empty() ? QuoteName(name) : Of(alias, name));
  }
  return list;
}

std::string VersionSql::SameKey(std::string_view a, std::string_view b) const {
  std::string same;
  for (const std::uint32_t column : kept_.Key()) {
    const std::string& name = kept_.columns[column].name;
    absl::StrAppend(&same, same.empty() ? "" : " AND ", Of(a, name), " = ", Of(b, name));
  }
  return same;
}

std::string VersionSql::SameKeyAsBatch(const ChangeBatch& batch, std::string_view a) const {
  std::string same;
  for (const std::uint32_t column : kept_.Key()) {
    absl::StrAppend(&same, same.empty() ? "" : " AND ", Of(a, kept_.columns[column].name), " = ",
                    BatchColumn(batch, column));
  }
  return same;
}

std::string VersionSql::Into(const std::string& columns) const {
  return absl::StrCat("INSERT INTO ", versions_, " (", kVersionUntil, ", ", kVersionWas, ", ", columns, ")");
}

std::string VersionSql::Create(std::string_view name) const {
  std::string sql = absl::StrCat("CREATE TABLE ", versions_, " (", kVersionUntil, " bigint NOT NULL, ",
                                 kVersionWas, " smallint NOT NULL");
  for (const Column& column : kept_.columns)
    absl::StrAppend(&sql, ", ", QuoteName(column.name), " ", DeclaredType(column));
  if (HasKinds(kept_)) absl::StrAppend(&sql, ", ", kKindsColumn, " bytea NOT NULL DEFAULT ''");
  // Versions are appended in the order of moments. So a small BRIN index is enough.
  return absl::StrCat(sql, "); CREATE UNIQUE INDEX ", QuoteName(absl::StrCat(std::string(name), "_key")),
                      " ON ", versions_, " (", Key(""), ", ", kVersionUntil, "); CREATE INDEX ",
                      QuoteName(absl::StrCat(std::string(name), "_until")), " ON ", versions_,
                      " USING brin (", kVersionUntil, ") WITH (pages_per_range = 16, autosummarize = on)");
}

std::string VersionSql::KeepOld(const ChangeBatch& batch, const KeepAs& as, const std::string& from,
                                int moment) const {
  const bool is_insert = batch.operation == Operation::kInsert;
  Difference difference;
  int sent = 0;
  for (const ColumnView& view : batch.columns) {
    const Column& column = kept_.columns[view.column];
    if (column.key_position != 0) continue;
    const std::string value = BatchColumn(batch, view.column);
    difference.Add(column, Of("t", column.name), value);
    if (column.type != Type::kAny) continue;
    const std::size_t place = kinds_.of_column[view.column];
    const std::size_t byte = is_insert ? place : static_cast<std::size_t>(sent++);
    difference.AddKinds(
        StoredKind("t", column, place, kinds_),
        absl::StrCat("CASE WHEN ", value, " IS NULL THEN 0 ELSE get_byte(b.kinds, ", byte, ") END"));
  }
  const bool asks = as.compares && batch.operation != Operation::kDelete;
  const std::string table =
      absl::StrCat("ONLY ", table_, " AS t ON ", SameKeyAsBatch(batch, "t"), AndLive(kept_, "t"));
  const std::string number = absl::StrCat(" SELECT $", moment, "::bigint, ");
  const std::string once = as.is_first ? "" : " ON CONFLICT DO NOTHING";
  if (!is_insert) {
    return absl::StrCat(Into(AllOf(kept_, "")), number, "1, ", AllOf(kept_, "t"), " FROM ", from, " JOIN ",
                        table, asks ? " WHERE " : "", asks ? difference.Sql() : "", once);
  }
  const std::string stands = absl::StrCat("(", Of("t", kept_.columns[kept_.Key()[0]].name), " IS NOT NULL)");
  std::string values;
  for (std::uint32_t i = 0; i < kept_.columns.size(); ++i) {
    const Column& column = kept_.columns[i];
    const std::string value = Of("t", column.name);
    Append(&values, column.key_position == 0
                        ? value
                        : absl::StrCat("coalesce(", value, ", ", BatchColumn(batch, i), ")"));
  }
  if (HasKinds(kept_)) Append(&values, absl::StrCat("coalesce(t.", kKindsColumn, ", '')"));
  return absl::StrCat(Into(AllOf(kept_, "")), number, stands, "::int, ", values, " FROM ", from,
                      " LEFT JOIN ", table,
                      asks ? absl::StrCat(" WHERE NOT ", stands, " OR ", difference.Sql()) : "", once);
}

std::string VersionSql::ForgetSame(const ChangeBatch& batch, const std::string& from, int moment) const {
  Difference difference;
  for (std::size_t i = 0; i < kept_.columns.size(); ++i) {
    const Column& column = kept_.columns[i];
    if (column.key_position != 0) continue;
    difference.Add(column, Of("t", column.name), Of("v", column.name));
    if (column.type != Type::kAny) continue;
    difference.AddKinds(StoredKind("t", column, kinds_.of_column[i], kinds_),
                        StoredKind("v", column, kinds_.of_column[i], kinds_));
  }
  return absl::StrCat("DELETE FROM ", versions_, " AS v USING ", from, ", ONLY ", table_, " AS t WHERE ",
                      SameKeyAsBatch(batch, "v"), " AND v.", kVersionUntil, " = $", moment, " AND v.",
                      kVersionWas, " = 1 AND ", SameKey("t", "v"), AndLive(kept_, "t"), " AND ",
                      difference.Sql(true));
}

std::string VersionSql::KeepDifference(const PostgresVisible& visible, const std::string& shadow,
                                       const PostgresKinds& coming) const {
  Difference difference;
  std::string names, values, comes;
  bool has_kinds = false;
  for (std::size_t i = 0; i < kept_.columns.size(); ++i) {
    const Column& column = kept_.columns[i];
    if (!visible.columns.contains(FoldName(column.name))) {
      // The row had no value in this column. If the new value is not NULL, the row changes.
      absl::StrAppend(&comes, " OR ", Of("s", column.name), " IS NOT NULL");
      continue;
    }
    Append(&names, QuoteName(column.name));
    Append(&values, Of("t", column.name));
    if (column.key_position != 0) continue;
    difference.Add(column, Of("t", column.name), Of("s", column.name));
    if (column.type != Type::kAny) continue;
    has_kinds = true;
    difference.AddKinds(StoredKind("t", column, kinds_.of_column[i], kinds_),
                        StoredKind("s", column, coming.of_column[i], coming));
  }
  if (has_kinds) {
    Append(&names, kKindsColumn);
    Append(&values, Of("t", kKindsColumn));
  }
  return absl::StrCat(Into(names), " SELECT $1::bigint, 1, ", values, " FROM ONLY ", table_,
                      " AS t LEFT JOIN ", shadow, " AS s ON ", SameKey("s", "t"), " WHERE (",
                      Of("s", kept_.columns[kept_.Key()[0]].name), " IS NULL OR ", difference.Sql(), comes,
                      ")", visible.and_live(), " ON CONFLICT DO NOTHING");
}

std::string VersionSql::KeepNew(const PostgresVisible& visible, const std::string& shadow) const {
  return absl::StrCat(Into(Key("")), " SELECT $1::bigint, 0, ", Key("s"), " FROM ", shadow,
                      " AS s WHERE NOT EXISTS (SELECT 1 FROM ONLY ", table_, " AS t WHERE ",
                      SameKey("t", "s"), visible.and_live(), ") ON CONFLICT DO NOTHING");
}

std::string VersionSql::Kept(const std::string& select, const std::string& shadow) const {
  return absl::StrCat("SELECT ", select, ", (CASE WHEN v.", kVersionWas,
                      " = 0 THEN 1 WHEN EXISTS (SELECT 1 FROM ", shadow, " AS s WHERE ", SameKey("s", "v"),
                      ") THEN 2 ELSE 3 END)::bigint FROM ", versions_, " AS v WHERE v.", kVersionUntil,
                      " = $1 ORDER BY ", Key("v"));
}

std::string VersionSql::LiveColumns(const PostgresVisible& visible) const {
  std::string list;
  bool has_kinds = false;
  for (const Column& column : kept_.columns) {
    const bool is_there = visible.columns.contains(FoldName(column.name));
    has_kinds |= is_there && column.type == Type::kAny;
    Append(&list, is_there ? Of("t", column.name)
                           : absl::StrCat("NULL::", ElementName(column), " AS ", QuoteName(column.name)));
  }
  if (HasKinds(kept_)) {
    Append(&list, has_kinds ? Of("t", kKindsColumn) : absl::StrCat("''::bytea AS ", kKindsColumn));
  }
  return list;
}

std::string VersionSql::AsOf(const PostgresVisible& visible, std::string_view place) const {
  const std::string later = absl::StrCat(kVersionUntil, " > ", std::string(place));
  return absl::StrCat("(SELECT ", LiveColumns(visible), " FROM ONLY ", table_,
                      " AS t WHERE NOT EXISTS (SELECT 1 FROM ", versions_, " AS v WHERE ", SameKey("v", "t"),
                      " AND v.", later, ")", visible.and_live(), " UNION ALL SELECT ", AllOf(kept_, "v"),
                      " FROM (SELECT DISTINCT ON (", Key("x"), ") ", AllOf(kept_, "x"), ", x.", kVersionWas,
                      " FROM ", versions_, " AS x WHERE x.", later, " ORDER BY ", Key("x"), ", x.",
                      kVersionUntil, ") AS v WHERE v.", kVersionWas, " = 1)");
}

std::string VersionSql::CreateView(const std::string& view, const PostgresVisible& visible,
                                   const std::string& journal) const {
  std::string columns, of_table, of_version;
  for (const Column& column : kept_.columns) {
    const bool is_there = visible.columns.contains(FoldName(column.name));
    Append(&columns, Of("r", column.name));
    Append(&of_version, Of("v", column.name));
    Append(&of_table, is_there ? Of("t", column.name)
                               : absl::StrCat("NULL::", ElementName(column), " AS ", QuoteName(column.name)));
  }
  const std::string first =
      absl::StrCat("(SELECT max(x.", kVersionUntil, ") FROM ", versions_, " AS x WHERE ");
  const auto as = [&](const char* name) { return absl::StrCat(" AS ", ViewColumn(kept_, name)); };
  return absl::StrCat(
      "CREATE VIEW ", view, " AS SELECT ", columns, ", r._mirror_from", as("from_moment"), ", r._mirror_to",
      as("to_moment"), ", f.lsn", as("from_lsn"), ", e.lsn", as("to_lsn"),
      ", coalesce(f.source_ms, f.done_ms)", as("from_ms"), ", coalesce(e.source_ms, e.done_ms)", as("to_ms"),
      ", (SELECT CASE x.", kVersionWas, " WHEN 1 THEN 'UPDATE' ELSE 'INSERT' END FROM ", versions_,
      " AS x WHERE ", SameKey("x", "r"), " AND x.", kVersionUntil, " = r._mirror_from)", as("operation"),
      " FROM (SELECT ", of_table, ", ", first, SameKey("x", "t"),
      ") AS _mirror_from, NULL::bigint AS _mirror_to FROM ONLY ", table_, " AS t",
      visible.live.empty() ? "" : " WHERE ", visible.live, " UNION ALL SELECT ", of_version, ", ", first,
      SameKey("x", "v"), " AND x.", kVersionUntil, " < v.", kVersionUntil, "), v.", kVersionUntil, " FROM ",
      versions_, " AS v WHERE v.", kVersionWas, " = 1) AS r LEFT JOIN ", journal,
      " AS f ON f.number = r._mirror_from LEFT JOIN ", journal, " AS e ON e.number = r._mirror_to");
}

}  // namespace mirror
