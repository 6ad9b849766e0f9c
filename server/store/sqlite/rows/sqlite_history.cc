#include "server/store/sqlite/rows/sqlite_history.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/row_digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table_pack.h"
#include "server/journal/journal_entry.h"
#include "server/store/exchanged_keys.h"
#include "server/store/new_rule.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_batch_table.h"
#include "server/store/sqlite/rows/sqlite_alter.h"
#include "server/store/sqlite/rows/sqlite_journal.h"
#include "server/store/sqlite/rows/sqlite_range.h"
#include "server/store/sqlite/rows/sqlite_stored_row.h"
#include "server/store/sqlite/rows/version_sql.h"
#include "server/store/version_reader.h"

namespace mirror {
namespace {

constexpr char kHistory[] = "_mirror_history";
/// Prefix for the names of dropped columns whose former names other columns have now.
constexpr char kFormer[] = "_mirror_former_";

absl::Status MakeTable(SqliteConnection& connection) {
  if (HasOwnTable(connection, kHistory)) return absl::OkStatus();
  return connection.Execute(
      "CREATE TABLE _mirror_history (table_name TEXT PRIMARY KEY COLLATE NOCASE, versions TEXT NOT NULL, "
      "view_name TEXT NOT NULL, definition BLOB NOT NULL, known_from INTEGER NOT NULL, hidden TEXT NOT NULL "
      "DEFAULT '[]') WITHOUT ROWID");
}

absl::StatusOr<bool> IsTaken(SqliteConnection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE"));
  return query.Bind(1, name).Step();
}

/// Returns "orders_history". If the partner or the source uses that name, returns a name with the mirror's
/// own prefix.
absl::StatusOr<std::string> FreeViewName(SqliteConnection& connection, const std::string& table) {
  const std::string name = table + "_history";
  ASSIGN_OR_RETURN(const bool taken, IsTaken(connection, name));
  return taken ? absl::StrCat("_mirror_history_", table) : name;
}

absl::StatusOr<std::string> FreeTableName(SqliteConnection& connection, const std::string& prefix) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT coalesce(max(cast(substr(name, length(?1) + 1) AS "
                                                   "INTEGER)), 0) + 1 FROM sqlite_schema WHERE "
                                                   "type = 'table' AND substr(name, 1, length(?1)) = ?1"));
  RETURN_IF_ERROR(query.Bind(1, prefix).StepToRow());
  return absl::StrCat(prefix, query.Int(0));
}

absl::StatusOr<DeclaredColumns> ReadColumns(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT name, type FROM temp.pragma_table_info(?1)"));
  query.Bind(1, table);
  DeclaredColumns columns;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) columns[FoldName(query.Text(0))] = query.Text(1);
  if (!row.ok()) return row.status();
  return columns;
}

absl::Status MakeView(SqliteConnection& connection, const std::string& view, const std::string& versions,
                      const TableSchema& kept) {
  ASSIGN_OR_RETURN(const DeclaredColumns columns, ReadColumns(connection, kept.name));
  return connection.Execute(CreateViewSql(view, versions, kept, FindVisibleRows(kept, columns, "")));
}

bool HasOtherKey(const TableSchema& before, const TableSchema& now) {
  const std::vector<std::uint32_t> a = before.Key(), b = now.Key();
  if (a.size() != b.size()) return true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Column &was = before.columns[a[i]], &is = now.columns[b[i]];
    if (!SameName(was.name, is.name) || was.type != is.type || was.rule != is.rule ||
        was.affinity != is.affinity || was.rule_detail != is.rule_detail) {
      return true;
    }
  }
  return false;
}

/// Returns whether a column's former values cannot be read as values of the present column.
bool HasOtherType(const TableSchema& before, const TableSchema& now) {
  return std::any_of(now.columns.begin(), now.columns.end(), [&](const Column& column) {
    const std::optional<std::uint32_t> at = before.Find(column.name);
    if (!at) return false;
    const Column& was = before.columns[*at];
    if (HasNewRule(was, column)) return false;  // The values of this column are removed.
    // An ANY column stores values according to its declared type.
    const bool as_before = was.type == Type::kText || was.type == Type::kBytes || was.type == Type::kDouble ||
                           (was.type >= Type::kInt16 && was.type <= Type::kInt64);
    if (column.type == Type::kAny && as_before) return SqliteDeclaration(was) != SqliteDeclaration(column);
    if (was.type != column.type) {
      const bool widens = (was.type < column.type && column.type <= Type::kInt64) ||
                          (was.type == Type::kFloat && column.type == Type::kDouble);
      return !widens;
    }
    return was.affinity != column.affinity || was.precision != column.precision || was.scale != column.scale;
  });
}

class SqliteHistory final : public HistoryVerbs {
 public:
  explicit SqliteHistory(SqliteConnection& connection) : connection_(connection) {}

  absl::StatusOr<bool> IsKept(const std::string& table) override {
    if (!HasOwnTable(connection_, kHistory)) return false;
    ASSIGN_OR_RETURN(Query query, connection_.Prepare("SELECT 1 FROM _mirror_history WHERE table_name = ?1"));
    return query.Bind(1, table).Step();
  }

  absl::StatusOr<bool> IsAsKept(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> history, FindHistory(connection_, table));
    if (!history) return true;
    const TableSchema& schema = history->schema;
    ASSIGN_OR_RETURN(const DeclaredColumns columns, ReadColumns(connection_, table));
    const bool is_whole =
        std::all_of(schema.columns.begin(), schema.columns.end(),
                    [&](const Column& column) { return columns.contains(FoldName(column.name)); });
    ASSIGN_OR_RETURN(Query own, connection_.Prepare("SELECT sql FROM sqlite_schema WHERE type = 'view' AND "
                                                    "name = ?1 COLLATE NOCASE AND instr(sql, ?2)"));
    ASSIGN_OR_RETURN(const bool there, own.Bind(1, history->view).Bind(2, history->versions).Step());
    if (!there) return is_whole;
    // SQLite writes new names into the text of a view. If the table still lacks columns that a population
    // will add, the view shows NULL for them.
    const std::string sql = own.Text(0);
    if (sql ==
        CreateViewSql(history->view, history->versions, schema, FindVisibleRows(schema, columns, ""))) {
      return true;
    }
    return is_whole && absl::StrContains(sql, absl::StrCat(QuoteName(schema.name), " AS t"));
  }

  absl::Status Begin(const TableSchema& kept, std::int64_t known_from) override {
    RETURN_IF_ERROR(MakeTable(connection_));
    ASSIGN_OR_RETURN(const std::string versions, FreeTableName(connection_, "_mirror_versions_"));
    ASSIGN_OR_RETURN(const std::string view, FreeViewName(connection_, kept.name));
    RETURN_IF_ERROR(connection_.Execute(CreateVersionsSql(versions, kept)));
    RETURN_IF_ERROR(connection_.Execute(CreateVersionsIndexSql(versions, kept)));
    RETURN_IF_ERROR(MakeView(connection_, view, versions, kept));
    ASSIGN_OR_RETURN(Query query, connection_.Prepare("INSERT OR REPLACE INTO _mirror_history (table_name, "
                                                      "versions, view_name, definition, known_from) "
                                                      "VALUES (?1, ?2, ?3, ?4, ?5)"));
    const std::string packed = PackTable(kept);
    return query.Bind(1, kept.name)
        .Bind(2, versions)
        .Bind(3, view)
        .BindBlob(4, packed)
        .Bind(5, known_from)
        .Run();
  }

  absl::Status KeepOld(const ApplyRows& apply, std::int64_t moment) override {
    const absl::StatusOr<std::optional<KeptHistory>> history = FindHistory(connection_, apply.schema->name);
    if (!history.ok() || !*history) return history.status();
    const ChangeBatch& batch = *apply.batch;
    uncompared_from_ = 0;
    if (BatchTable::CanShow(batch)) {
      return Keep((*history)->versions, *apply.schema, batch, true, moment);
    }
    // Large values cannot be compared yet. So all rows are kept, and are compared after they were written.
    ASSIGN_OR_RETURN(const std::int64_t last,
                     ReadNumber(connection_, absl::StrCat("SELECT coalesce(max(", kVersionNumber,
                                                          "), 0) FROM ", QuoteName((*history)->versions))));
    uncompared_from_ = last + 1;
    ChangeBatch keys = batch;
    std::erase_if(keys.columns, [&](const ColumnView& view) {
      return apply.schema->columns[view.column].key_position == 0;
    });
    return Keep((*history)->versions, *apply.schema, keys, false, moment);
  }

  absl::Status ForgetSame(const ApplyRows& apply, std::int64_t /*moment*/) override {
    if (uncompared_from_ == 0) return absl::OkStatus();
    const absl::StatusOr<std::optional<KeptHistory>> history = FindHistory(connection_, apply.schema->name);
    if (!history.ok() || !*history) return history.status();
    ASSIGN_OR_RETURN(Query query, connection_.Prepare(ForgetSameSql((*history)->versions, *apply.schema)));
    return query.Bind(1, std::exchange(uncompared_from_, 0)).Run();
  }

  absl::Status KeepDifference(const TableSchema& kept, const Shadow& shadow, std::int64_t moment,
                              const TakeKeys& take) override {
    const absl::StatusOr<std::optional<KeptHistory>> history = FindHistory(connection_, kept.name);
    if (!history.ok() || !*history) return history.status();
    const std::string& versions = (*history)->versions;
    const TableSchema compared = WithoutColumns(kept, (*history)->hidden);
    ASSIGN_OR_RETURN(const VisibleRows visible, ReadVisibleRows(connection_, compared));
    const std::string last =
        absl::StrCat("SELECT coalesce(max(", kVersionNumber, "), 0) FROM ", QuoteName(versions));
    ASSIGN_OR_RETURN(const std::int64_t before, ReadNumber(connection_, last));
    for (const std::string& sql : {KeepDifferenceSql(versions, compared, visible, shadow.name),
                                   KeepNewSql(versions, compared, visible, shadow.name)}) {
      ASSIGN_OR_RETURN(Query query, connection_.Prepare(sql));
      RETURN_IF_ERROR(query.Bind(1, moment).Run());
    }
    absl::Status status = TakeKept(versions, compared, shadow, before, take);
    if (!status.ok() || (*history)->hidden.empty()) return status;
    return NoteHidden(kept.name, {});
  }

  absl::Status Follow(const TableSchema& agreed, const MovedColumns& moved, std::int64_t now_ms) override {
    const TableSchema kept = KeptForm(agreed);
    absl::StatusOr<std::optional<KeptHistory>> history = FindHistory(connection_, kept.name);
    if (!history.ok() || !*history) return history.status();
    RETURN_IF_ERROR(DropHistoryView(connection_, kept.name));
    TableSchema before = std::move((*history)->schema);
    // A proof covers only the columns that existed then.
    if (PackTable(before) != PackTable(kept)) RETURN_IF_ERROR(ForgetProofs(kept.name));
    const std::string& versions = (*history)->versions;
    for (const std::string& name : moved.replaced) {
      const std::optional<std::uint32_t> column = before.Find(name);
      if (!column) continue;
      RETURN_IF_ERROR(Free(versions, name));
      before.columns[*column].name = kFormer;
    }
    for (const auto& [from, to] : moved.renamed) {
      const std::optional<std::uint32_t> column = before.Find(from);
      if (!column) continue;
      if (const std::optional<std::uint32_t> gone = before.Find(to); gone && *gone != *column) {
        before.columns[*gone].name = kFormer;
      }
      RETURN_IF_ERROR(SameName(from, to) ? absl::OkStatus() : Free(versions, to));
      RETURN_IF_ERROR(Rename(versions, from, to));
      before.columns[*column].name = to;
    }
    if (HasOtherKey(before, kept) || HasOtherType(before, kept)) return SetAside(kept.name, now_ms);
    ASSIGN_OR_RETURN(const DeclaredColumns there, ReadColumns(connection_, versions));
    const NewRules rules = FindNewRules(
        before, agreed, [&](const std::string& column) { return there.contains(FoldName(column)); });
    for (const Column& column : kept.columns) {
      if (before.Find(column.name)) continue;
      // The column was dropped before. The present column with this name is another one.
      RETURN_IF_ERROR(Free(versions, column.name));
    }
    RETURN_IF_ERROR(Widen(versions, kept));
    // The values of other dropped columns stay.
    if (!rules.empty()) {
      std::vector<std::string> hidden = (*history)->hidden;
      hidden.insert(hidden.end(), rules.changed.begin(), rules.changed.end());
      RETURN_IF_ERROR(Empty(versions, kept, rules));
      RETURN_IF_ERROR(NoteHidden(kept.name, hidden));
    }
    return Renew(kept, versions);
  }

  absl::StatusOr<std::int64_t> Cut(const std::string& table, std::int64_t known_from,
                                   std::int64_t count_max) override {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> history, FindHistory(connection_, table));
    if (!history) return 0;
    const std::string versions = QuoteName(history->versions);
    // The oldest versions come first. Concurrent readers see both changes or neither.
    for (const std::string& sql :
         {std::string("UPDATE _mirror_history SET known_from = ?1 WHERE table_name = ?2 AND known_from < ?1"),
          // Removes heads of moments that can no longer be read.
          std::string(
              "DELETE FROM _mirror_journal WHERE number < ?1 AND table_name = ?2 AND number = moment AND "
              "done_ms IS NOT NULL AND number <= (SELECT number FROM _mirror_floor)")}) {
      ASSIGN_OR_RETURN(Query query, connection_.Prepare(sql));
      RETURN_IF_ERROR(query.Bind(1, known_from).Bind(2, table).Run());
    }
    ASSIGN_OR_RETURN(Query query,
                     connection_.Prepare(absl::StrCat(
                         "DELETE FROM ", versions, " WHERE ", kVersionNumber, " IN (SELECT ", kVersionNumber,
                         " FROM (SELECT ", kVersionNumber, ", ", kVersionUntil, " FROM ", versions,
                         " ORDER BY ", kVersionNumber, " LIMIT ?2) WHERE ", kVersionUntil, " <= ?1)")));
    RETURN_IF_ERROR(query.Bind(1, known_from).Bind(2, count_max).Run());
    return connection_.Changes();
  }

  absl::StatusOr<std::int64_t> EraseRow(const std::string& table, const Key& key) override {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> history, FindHistory(connection_, table));
    if (!history) return 0;
    TableSchema rows = history->schema;
    rows.preserve_target = false;
    rows.deletes = Deletes::kApply;
    const std::string versions = QuoteName(history->versions);
    const std::string with =
        absl::StrCat("WITH ", QuoteName(rows.name), " AS (SELECT ", NameList(rows, rows.Key()), ", ",
                     kVersionNumber, ", ", kVersionUntil, ", ", kVersionWas, " FROM ", versions, ") ");
    RangeSelect statement(connection_, rows,
                          absl::StrCat(kVersionNumber, ", ", kVersionUntil, ", ", kVersionWas),
                          /*in_key_order=*/false, with);
    std::vector<std::int64_t> numbers;
    std::int64_t until = 0, were = 0;
    RETURN_IF_ERROR(statement.RunOne(key, "", [&](sqlite3_stmt* row) {
      numbers.push_back(sqlite3_column_int64(row, 0));
      until = std::max<std::int64_t>(until, sqlite3_column_int64(row, 1));
      were += sqlite3_column_int64(row, 2);
      return absl::OkStatus();
    }));
    for (const std::int64_t number : numbers) {
      ASSIGN_OR_RETURN(Query query, connection_.Prepare(absl::StrCat("DELETE FROM ", versions, " WHERE ",
                                                                     kVersionNumber, " = ?1")));
      RETURN_IF_ERROR(query.Bind(1, number).Run());
    }
    RETURN_IF_ERROR(ForgetProofs(table, until));
    return were;
  }

  absl::Status SetAside(const std::string& table, std::int64_t now_ms) override {
    const absl::StatusOr<std::optional<KeptHistory>> history = FindHistory(connection_, table);
    if (!history.ok() || !*history) return history.status();
    RETURN_IF_ERROR(DropHistoryView(connection_, table));
    ASSIGN_OR_RETURN(const std::string aside, FreeTableName(connection_, "_mirror_dropped_"));
    connection_.ForgetStatements();
    // A renamed table's index would keep its name, but the next history of the table needs that name.
    absl::Status status =
        connection_.Execute(absl::StrCat("DROP INDEX IF EXISTS ", QuoteName((*history)->versions + "_key")));
    if (status.ok()) status = RenameTable(connection_, (*history)->versions, aside);
    if (!status.ok()) return status;
    ASSIGN_OR_RETURN(Query note, connection_.Prepare("INSERT OR REPLACE INTO _mirror_dropped (dropped_name, "
                                                     "table_name, dropped_ms) VALUES (?1, ?2, ?3)"));
    status = note.Bind(1, aside).Bind(2, absl::StrCat(table, " (history)")).Bind(3, now_ms).Run();
    if (!status.ok()) return status;
    ASSIGN_OR_RETURN(Query query, connection_.Prepare("DELETE FROM _mirror_history WHERE table_name = ?1"));
    return query.Bind(1, table).Run();
  }

 private:
  absl::Status Keep(const std::string& versions, const TableSchema& kept, const ChangeBatch& batch,
                    bool compares, std::int64_t moment) {
    connection_.batch_table().Show(kept, batch);
    absl::Status status;
    {
      absl::StatusOr<Query> query = connection_.Prepare(KeepOldSql(versions, kept, batch, compares));
      status = query.ok() ? query->Bind(1, moment).Run() : query.status();
    }
    connection_.batch_table().Hide();
    return status;
  }

  absl::Status ForgetProofs(const std::string& table, std::int64_t before = INT64_MAX) {
    ASSIGN_OR_RETURN(Query query, connection_.Prepare("UPDATE _mirror_journal SET digest = NULL WHERE "
                                                      "table_name = ?1 AND number < ?2 AND digest IS NOT "
                                                      "NULL"));
    return query.Bind(1, table).Bind(2, before).Run();
  }

  absl::Status Rename(const std::string& versions, const std::string& from, const std::string& to) {
    return AlterColumns(connection_, absl::StrCat("ALTER TABLE ", QuoteName(versions), " RENAME COLUMN ",
                                                  QuoteName(from), " TO ", QuoteName(to)));
  }

  /// Moves the values of a column to another name, so that its name becomes free.
  absl::Status Free(const std::string& versions, const std::string& column) {
    ASSIGN_OR_RETURN(const DeclaredColumns there, ReadColumns(connection_, versions));
    if (!there.contains(FoldName(column))) return absl::OkStatus();
    int number = 1;
    while (there.contains(absl::StrCat(kFormer, number))) ++number;
    return Rename(versions, column, absl::StrCat(kFormer, number));
  }

  absl::Status Widen(const std::string& versions, const TableSchema& kept) {
    ASSIGN_OR_RETURN(const DeclaredColumns there, ReadColumns(connection_, versions));
    for (const Column& column : kept.columns) {
      if (there.contains(FoldName(column.name))) continue;
      RETURN_IF_ERROR(AlterColumns(
          connection_, absl::StrCat("ALTER TABLE ", QuoteName(versions), " ADD COLUMN ",
                                    QuoteName(column.name), " ", std::string(SqliteDeclaration(column)))));
    }
    return absl::OkStatus();
  }

  /// Removes the values of columns with a new rule. For a returned column it is unknown which former column
  /// it was, so the values of all former columns are removed.
  absl::Status Empty(const std::string& versions, const TableSchema& kept, const NewRules& rules) {
    ASSIGN_OR_RETURN(const DeclaredColumns there, ReadColumns(connection_, versions));
    std::vector<std::string> columns = rules.changed;
    for (const std::string& name : rules.returned) {
      if (!kept.Find(name)) columns.push_back(name);
    }
    for (const auto& [name, type] : there) {
      if (absl::StartsWith(name, kFormer)) columns.push_back(name);
    }
    std::string set;
    for (const std::string& name : columns)
      absl::StrAppend(&set, set.empty() ? "" : ", ", QuoteName(name), " = NULL");
    return connection_.Execute(absl::StrCat("UPDATE ", QuoteName(versions), " SET ", set));
  }

  absl::Status NoteHidden(const std::string& table, const std::vector<std::string>& columns) {
    ASSIGN_OR_RETURN(Query query,
                     connection_.Prepare("UPDATE _mirror_history SET hidden = ?1 WHERE table_name = ?2"));
    const std::string packed = PackColumnList(columns);
    return query.Bind(1, packed).Bind(2, table).Run();
  }

  absl::Status Renew(const TableSchema& kept, const std::string& versions) {
    ASSIGN_OR_RETURN(const std::string view, FreeViewName(connection_, kept.name));
    ASSIGN_OR_RETURN(Query query,
                     connection_.Prepare(
                         "UPDATE _mirror_history SET view_name = ?1, definition = ?2 WHERE table_name = ?3"));
    const std::string packed = PackTable(kept);
    absl::Status status = query.Bind(1, view).BindBlob(2, packed).Bind(3, kept.name).Run();
    return status.ok() ? MakeView(connection_, view, versions, kept) : status;
  }

  /// Passes on the keys of versions with numbers above `before`, grouped by the operation on their rows.
  absl::Status TakeKept(const std::string& versions, const TableSchema& kept, const Shadow& shadow,
                        std::int64_t before, const TakeKeys& take) {
    std::string same;
    const std::vector<std::uint32_t> key = kept.Key();
    for (const std::uint32_t column : key) {
      const std::string name = QuoteName(kept.columns[column].name);
      absl::StrAppend(&same, same.empty() ? "" : " AND ", "s.", name, " = v.", name);
    }
    ASSIGN_OR_RETURN(Query query,
                     connection_.Prepare(absl::StrCat(
                         "SELECT ", NameList(kept, key), ", CASE WHEN v.", kVersionWas,
                         " = 0 THEN 1 WHEN EXISTS (SELECT 1 FROM ", QuoteName(shadow.name), " AS s WHERE ",
                         same, ") THEN 2 ELSE 3 END FROM ", QuoteName(versions), " AS v WHERE v.",
                         kVersionNumber, " > ?1 ORDER BY v.", kVersionNumber)));
    query.Bind(1, before);
    KeysByOperation blocks(kept, take);
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      const auto operation = static_cast<JournalOperation>(query.Int(static_cast<int>(key.size())));
      RETURN_IF_ERROR(AppendStoredRow(kept, query.get(), &blocks.Of(operation)));
      RETURN_IF_ERROR(blocks.Added(operation));
    }
    if (!row.ok()) return row.status();
    return blocks.End();
  }

  SqliteConnection& connection_;
  std::int64_t uncompared_from_ = 0;  ///< Versions from this number on were not compared; 0: all were.
};

}  // namespace

absl::StatusOr<std::optional<KeptHistory>> FindHistory(SqliteConnection& connection,
                                                       const std::string& table) {
  if (!HasOwnTable(connection, kHistory)) return std::nullopt;
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT versions, view_name, definition, known_from, "
                                                   "hidden FROM _mirror_history WHERE table_name = "
                                                   "?1"));
  ASSIGN_OR_RETURN(const bool row, query.Bind(1, table).Step());
  if (!row) return std::nullopt;
  ASSIGN_OR_RETURN(TableSchema schema, UnpackTable(query.Text(2)));
  return KeptHistory{query.Text(0), query.Text(1), std::move(schema), query.Int(3),
                     UnpackColumnList(query.Text(4))};
}

absl::StatusOr<std::vector<std::string>> SelectHistories(SqliteConnection& connection) {
  if (!HasOwnTable(connection, kHistory)) return std::vector<std::string>();
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT table_name FROM _mirror_history"));
  return query.Texts();
}

absl::StatusOr<VisibleRows> ReadVisibleRows(SqliteConnection& connection, const TableSchema& kept) {
  ASSIGN_OR_RETURN(const DeclaredColumns columns, ReadColumns(connection, kept.name));
  VisibleRows visible = FindVisibleRows(kept, columns, "main.");
  if (visible.has_key) return visible;
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", kept.name,
      "' lacks a column of its key, which somebody renamed or dropped in the mirror, so its rows have no "
      "versions. Nothing was changed. Give the column its name back, or reset the table with 'mirrorctl "
      "reset'."));
}

absl::Status DropHistoryView(SqliteConnection& connection, const std::string& table) {
  std::string view;
  {
    const absl::StatusOr<std::optional<KeptHistory>> history = FindHistory(connection, table);
    if (!history.ok() || !*history) return history.status();
    ASSIGN_OR_RETURN(Query own, connection.Prepare("SELECT name FROM sqlite_schema WHERE type = 'view' AND "
                                                   "name = ?1 COLLATE NOCASE AND instr(sql, ?2)"));
    const absl::StatusOr<bool> there = own.Bind(1, (*history)->view).Bind(2, (*history)->versions).Step();
    if (!there.ok() || !*there) return there.status();
    view = own.Text(0);
  }
  connection.ForgetStatements();
  return connection.Execute(absl::StrCat("DROP VIEW ", QuoteName(view)));
}

absl::Status MendHistoryView(SqliteConnection& connection, const std::string& table) {
  const absl::StatusOr<std::optional<KeptHistory>> found = FindHistory(connection, table);
  if (!found.ok() || !*found) return found.status();
  const KeptHistory& history = **found;
  ASSIGN_OR_RETURN(const DeclaredColumns columns, ReadColumns(connection, table));
  const VisibleRows visible = FindVisibleRows(history.schema, columns, "");
  {
    ASSIGN_OR_RETURN(
        Query same,
        connection.Prepare(
            "SELECT 1 FROM sqlite_schema WHERE type = 'view' AND name = ?1 COLLATE NOCASE AND sql = ?2"));
    const std::string sql = CreateViewSql(history.view, history.versions, history.schema, visible);
    const absl::StatusOr<bool> stands = same.Bind(1, history.view).Bind(2, sql).Step();
    if (!stands.ok() || *stands) return stands.status();
  }
  RETURN_IF_ERROR(DropHistoryView(connection, table));
  ASSIGN_OR_RETURN(const std::string view, FreeViewName(connection, table));
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("UPDATE _mirror_history SET view_name = ?1 WHERE table_name = ?2"));
  RETURN_IF_ERROR(query.Bind(1, view).Bind(2, table).Run());
  return connection.Execute(CreateViewSql(view, history.versions, history.schema, visible));
}

absl::Status YieldViewName(SqliteConnection& connection, const std::string& name) {
  if (!HasOwnTable(connection, kHistory)) return absl::OkStatus();
  std::vector<std::string> tables;
  {
    ASSIGN_OR_RETURN(
        Query query,
        connection.Prepare("SELECT table_name FROM _mirror_history WHERE view_name = ?1 COLLATE NOCASE"));
    ASSIGN_OR_RETURN(tables, query.Bind(1, name).Texts());
  }
  for (const std::string& table : tables) {
    RETURN_IF_ERROR(DropHistoryView(connection, table));
    const absl::StatusOr<std::optional<KeptHistory>> history = FindHistory(connection, table);
    if (!history.ok() || !*history) return history.status();
    const std::string view = absl::StrCat("_mirror_history_", table);
    RETURN_IF_ERROR(MakeView(connection, view, (*history)->versions, (*history)->schema));
    ASSIGN_OR_RETURN(Query query,
                     connection.Prepare("UPDATE _mirror_history SET view_name = ?1 WHERE table_name = ?2"));
    RETURN_IF_ERROR(query.Bind(1, view).Bind(2, table).Run());
  }
  return absl::OkStatus();
}

std::unique_ptr<HistoryVerbs> MakeSqliteHistory(SqliteConnection& connection) {
  return std::make_unique<SqliteHistory>(connection);
}

namespace {

/// Steps of SQLite's virtual machine between two calls of `go_on`: a few milliseconds.
constexpr int kStepsBetweenLooks = 100'000;
constexpr std::size_t kKeyBlockRows = 10'000;
/// Number of the newest versions from which the average size of a version is estimated.
constexpr int kSampledRows = 1'000;
/// Bytes of a version in addition to its values: its number, its moment and its index entry.
constexpr std::uint64_t kVersionBytes = 40;

class SqliteVersionReader final : public VersionReader {
 public:
  explicit SqliteVersionReader(SqliteConnection& connection) : connection_(connection) {}

  absl::StatusOr<std::optional<TableHistory>> ReadHistory(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> history, FindHistory(connection_, table));
    if (!history) return std::nullopt;
    return TableHistory{OfFormerRows(history->schema), history->known_from};
  }

  absl::StatusOr<std::int64_t> FindCut(const TableHistory& history, const OldCommits& old,
                                       std::uint64_t bytes_max) override {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> kept, FindHistory(connection_, history.schema.name));
    if (!kept) return 0;
    ASSIGN_OR_RETURN(const std::int64_t last_old, FindLastOld(connection_, history.schema.name, old));
    ASSIGN_OR_RETURN(const std::int64_t over, FindOver(history.schema, kept->versions, bytes_max));
    // Keeps the last committed state, whatever amount a running cycle has written.
    const absl::StatusOr<std::int64_t> last = LastCommitOf(connection_, history.schema.name);
    if (!last.ok()) return last;
    const std::int64_t cut = std::max(last_old, std::min(over, *last));
    if (cut > history.known_from) return cut;
    // Continues a cut that was interrupted.
    ASSIGN_OR_RETURN(const std::int64_t oldest,
                     ReadNumber(connection_, absl::StrCat("SELECT coalesce((SELECT ", kVersionUntil, " FROM ",
                                                          QuoteName(kept->versions), " ORDER BY ",
                                                          kVersionNumber, " LIMIT 1), ", INT64_MAX, ")")));
    return oldest <= history.known_from ? history.known_from : 0;
  }

  absl::StatusOr<std::int64_t> CountVersions(const TableHistory& history) override {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> kept, FindHistory(connection_, history.schema.name));
    if (!kept) return 0;
    return ReadNumber(connection_, absl::StrCat("SELECT count(*) FROM ", QuoteName(kept->versions), " WHERE ",
                                                kVersionWas, " = 1"));
  }

  absl::Status ReadRowsAsOf(const TableHistory& history, std::int64_t moment,
                            const std::vector<std::uint32_t>& columns, const std::vector<KeyRange>& ranges,
                            std::size_t block_bytes, const GoOn& go_on, const TakeRows& take) override {
    ASSIGN_OR_RETURN(const std::string with, AsOf(history.schema, moment));
    const sqlite::Watch watch(connection_.handle(), kStepsBetweenLooks, [&go_on] { return !go_on(); });
    RangeSelect statement(connection_, history.schema, NameList(history.schema, columns),
                          /*in_key_order=*/true, with);
    const std::vector<KeyRange> all(1);
    RowBlock block = RowBlock::For(history.schema, columns);
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      RETURN_IF_ERROR(statement.Run(range, [&](sqlite3_stmt* row) {
        RETURN_IF_ERROR(AppendStoredRow(history.schema, row, &block));
        if (block.bytes() < block_bytes) return absl::OkStatus();
        absl::Status taken = take(&block);
        block = RowBlock::For(history.schema, columns);
        return taken;
      }));
    }
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

  absl::StatusOr<RangeDigest> DigestAsOf(const TableHistory& history, std::int64_t moment,
                                         const std::vector<std::uint32_t>& columns,
                                         const GoOn& go_on) override {
    ASSIGN_OR_RETURN(const std::string with, AsOf(history.schema, moment));
    const sqlite::Watch watch(connection_.handle(), kStepsBetweenLooks, [&go_on] { return !go_on(); });
    RangeSelect statement(connection_, history.schema, NameList(history.schema, columns),
                          /*in_key_order=*/false, with);
    RangeDigest sum;
    RowDigest digest;
    RETURN_IF_ERROR(statement.Run({}, [&](sqlite3_stmt* row) {
      for (int i = 0; i < sqlite3_data_count(row); ++i) {
        sqlite::AddToDigest(sqlite3_column_value(row, i), &digest);
      }
      sum.Add(digest.Finish());
      return absl::OkStatus();
    }));
    return sum;
  }

  absl::Status ReadVersions(const TableHistory& history, const Key& key, const TakeVersion& take) override {
    const absl::StatusOr<std::optional<KeptHistory>> kept = FindHistory(connection_, history.schema.name);
    if (!kept.ok() || !*kept) return kept.status();
    const TableSchema& table = history.schema;
    const std::vector<std::uint32_t> all = table.AllColumns();
    const std::string list = NameList(table, all);
    ASSIGN_OR_RETURN(const VisibleRows visible, ReadVisibleRows(connection_, (*kept)->schema));
    // The present row comes first, then the version that each moment ended.
    const std::string with = absl::StrCat(
        "WITH ", QuoteName(table.name), " AS (SELECT ", list, ", 1 AS _mirror_stood, ", INT64_MAX,
        " AS _mirror_ended FROM (", LiveRowsSql((*kept)->schema, visible), ") UNION ALL SELECT ", list, ", ",
        kVersionWas, ", ", kVersionUntil, " FROM ", QuoteName((*kept)->versions), ") ");
    RangeSelect statement(connection_, table, absl::StrCat(list, ", _mirror_stood, _mirror_ended"),
                          /*in_key_order=*/false, with);
    const int count = static_cast<int>(all.size());
    VersionGiver giver(take);
    const absl::Status read =
        statement.RunOne(key, " ORDER BY _mirror_ended DESC", [&](sqlite3_stmt* row) -> absl::Status {
          const bool stood = sqlite3_column_int64(row, count) == 1;
          RowBlock block = RowBlock::For(table, all);
          absl::Status status = stood ? AppendStoredRow(table, row, &block) : absl::OkStatus();
          if (status.ok()) status = giver.Add(sqlite3_column_int64(row, count + 1), stood ? &block : nullptr);
          return giver.goes_on() || !status.ok() ? status : absl::CancelledError("");
        });
    if (!giver.goes_on()) return absl::OkStatus();
    return read.ok() ? giver.End() : read;
  }

  absl::Status ReadTouchedKeys(const TableHistory& history, std::int64_t from, std::int64_t to,
                               const GoOn& go_on, const TakeRows& take) override {
    const absl::StatusOr<std::optional<KeptHistory>> kept = FindHistory(connection_, history.schema.name);
    if (!kept.ok() || !*kept) return kept.status();
    const sqlite::Watch watch(connection_.handle(), kStepsBetweenLooks, [&go_on] { return !go_on(); });
    const std::vector<std::uint32_t> key = history.schema.Key();
    const std::string list = NameList(history.schema, key);
    ASSIGN_OR_RETURN(Query query,
                     connection_.Prepare(absl::StrCat(
                         "SELECT DISTINCT ", list, " FROM ", QuoteName((*kept)->versions), " WHERE ",
                         kVersionUntil, " > ?1 AND ", kVersionUntil, " <= ?2 ORDER BY ", list)));
    query.Bind(1, from).Bind(2, to);
    RowBlock block = RowBlock::For(history.schema, key);
    absl::StatusOr<bool> row = query.Step();
    for (; row.ok() && *row; row = query.Step()) {
      absl::Status status = AppendStoredRow(history.schema, query.get(), &block);
      if (status.ok() && block.rows() >= kKeyBlockRows) {
        status = take(&block);
        block = RowBlock::For(history.schema, key);
      }
      if (!status.ok()) return status;
    }
    if (!row.ok()) return row.status();
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

 private:
  /// Returns the moment that ended the last of the excess versions; 0: there are none.
  absl::StatusOr<std::int64_t> FindOver(const TableSchema& table, const std::string& versions,
                                        std::uint64_t bytes_max) {
    const std::vector<std::uint32_t> all = table.AllColumns();
    RowBlock sample = RowBlock::For(table, all);
    ASSIGN_OR_RETURN(Query newest, connection_.Prepare(absl::StrCat(
                                       "SELECT ", NameList(table, all), " FROM ", QuoteName(versions),
                                       " ORDER BY ", kVersionNumber, " DESC LIMIT ", kSampledRows)));
    absl::StatusOr<bool> row = newest.Step();
    for (; row.ok() && *row; row = newest.Step()) {
      RETURN_IF_ERROR(AppendStoredRow(table, newest.get(), &sample));
    }
    if (!row.ok()) return row.status();
    if (sample.rows() == 0) return 0;
    const std::uint64_t each = sample.bytes() / sample.rows() + kVersionBytes;
    ASSIGN_OR_RETURN(Query at,
                     connection_.Prepare(absl::StrCat(
                         "SELECT coalesce((SELECT ", kVersionUntil, " FROM ", QuoteName(versions), " WHERE ",
                         kVersionNumber, " <= (SELECT max(", kVersionNumber, ") FROM ", QuoteName(versions),
                         ") - ?1 ORDER BY ", kVersionNumber, " DESC LIMIT 1), 0)")));
    const std::uint64_t stay = std::min<std::uint64_t>(bytes_max / each, INT64_MAX);
    RETURN_IF_ERROR(at.Bind(1, static_cast<std::int64_t>(stay)).StepToRow());
    return at.Int(0);
  }

  /// Returns a WITH clause in which the table's name stands for its rows at `moment`.
  absl::StatusOr<std::string> AsOf(const TableSchema& table, std::int64_t moment) {
    ASSIGN_OR_RETURN(const std::optional<KeptHistory> kept, FindHistory(connection_, table.name));
    if (!kept) return absl::NotFoundError(absl::StrCat("table '", table.name, "' has no history"));
    ASSIGN_OR_RETURN(const VisibleRows visible, ReadVisibleRows(connection_, kept->schema));
    return absl::StrCat("WITH ", QuoteName(table.name), " AS (",
                        AsOfSql(kept->versions, kept->schema, visible, absl::StrCat(moment)), ") ");
  }

  SqliteConnection& connection_;
};

}  // namespace

std::unique_ptr<VersionReader> MakeSqliteVersionReader(SqliteConnection& connection) {
  return std::make_unique<SqliteVersionReader>(connection);
}

}  // namespace mirror
