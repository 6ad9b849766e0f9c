#include "server/store/sqlite/rows/sqlite_swap.h"

#include <sqlite3.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/store/live_rows.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_gathering_vfs.h"
#include "server/store/sqlite/rows/sqlite_alter.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_schema.h"

namespace mirror {
namespace {

// The partner's indexes on a mirrored table. They are recreated after its rows were exchanged. These
// functions run inside the caller's transaction.

struct PartnerIndex {
  std::string name, sql;
  bool has_expression = false;
};

enum class IndexKind : std::uint8_t { kAny, kUnique };

/// Returns the table's indexes of this kind, in the order of their creation, with the SQL that recreates
/// them. It is their own text, which may name columns that the new rows lack.
absl::StatusOr<std::vector<PartnerIndex>> FindIndexes(SqliteConnection& connection, const std::string& table,
                                                      IndexKind kind) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT name, sql, EXISTS (SELECT 1 FROM temp.pragma_index_list(?1) AS list WHERE list.name = "
          "entry.name "
          "AND "
          "list.partial = 1) OR EXISTS (SELECT 1 FROM temp.pragma_index_info(entry.name) AS part WHERE "
          "part.name "
          "IS "
          "NULL) FROM sqlite_schema AS entry "
          "WHERE type = 'index' AND tbl_name = ?1 COLLATE NOCASE AND sql IS NOT NULL AND (?2 = 0 OR name IN "
          "(SELECT name FROM temp.pragma_index_list(?1) WHERE \"unique\" = 1)) ORDER BY entry.rowid"));
  query.Bind(1, table).Bind(2, std::int64_t{kind == IndexKind::kUnique});
  std::vector<PartnerIndex> indexes;
  absl::StatusOr<bool> row = query.Step();
  for (; row.ok() && *row; row = query.Step()) {
    indexes.push_back({query.Text(0), query.Text(1), query.Int(2) != 0});
  }
  if (!row.ok()) return row.status();
  return indexes;
}

/// Returns these indexes and drops them.
absl::StatusOr<std::vector<PartnerIndex>> TakeOffIndexes(SqliteConnection& connection,
                                                         const std::string& table, IndexKind kind) {
  absl::StatusOr<std::vector<PartnerIndex>> indexes = FindIndexes(connection, table, kind);
  if (!indexes.ok()) return indexes;
  for (const PartnerIndex& index : *indexes) {
    RETURN_IF_ERROR(connection.Execute(absl::StrCat("DROP INDEX ", QuoteName(index.name))));
  }
  return indexes;
}

/// Recreates the index. Errors: kFailedPrecondition: the rows do not allow it, or a column is missing.
absl::Status MakeIndex(SqliteConnection& connection, const PartnerIndex& index) {
  absl::Status made = connection.Execute(index.sql);
  if (made.ok() || !index.has_expression) return made;
  // The partner's tool may have allowed text in double quotes, which is SQLite's default. For plain columns
  // this is never allowed, because SQLite would read a missing column as the text of its name.
  sqlite3* const db = connection.handle();
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 1, nullptr);
  made = connection.Execute(index.sql);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  return made;
}

/// Returns the triggers in the order of their creation. In this order SQLite runs them.
absl::StatusOr<std::vector<Definition>> FindTriggers(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT name, sql FROM sqlite_schema WHERE type = "
                                                   "'trigger' AND tbl_name = ?1 COLLATE NOCASE ORDER BY "
                                                   "rowid"));
  std::vector<Definition> triggers;
  absl::StatusOr<bool> row = query.Bind(1, table).Step();
  for (; row.ok() && *row; row = query.Step()) triggers.push_back({query.Text(0), query.Text(1)});
  if (!row.ok()) return row.status();
  return triggers;
}

struct Statistic {
  std::string table, stat;
  std::optional<std::string> index;
};

/// Returns ANALYZE's counts, by which SQLite plans the partner's queries. Leaves out its samples of values,
/// which are those of the old rows.
absl::StatusOr<std::vector<Statistic>> FindStatistics(SqliteConnection& connection,
                                                      const std::string& table) {
  std::vector<Statistic> statistics;
  {
    ASSIGN_OR_RETURN(Query there,
                     connection.Prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'"));
    ASSIGN_OR_RETURN(const bool row, there.Step());
    if (!row) return statistics;
  }
  ASSIGN_OR_RETURN(Query query, connection.Prepare(
                                    "SELECT tbl, stat, idx FROM sqlite_stat1 WHERE tbl = ?1 COLLATE NOCASE"));
  absl::StatusOr<bool> row = query.Bind(1, table).Step();
  for (; row.ok() && *row; row = query.Step()) {
    Statistic& statistic = statistics.emplace_back(Statistic{query.Text(0), query.Text(1), std::nullopt});
    if (!query.IsNull(2)) statistic.index = query.Text(2);
  }
  if (!row.ok()) return row.status();
  return statistics;
}

/// Stores the counts of the table itself, and of the indexes that it has now.
absl::Status KeepStatistics(SqliteConnection& connection, const std::vector<Statistic>& statistics) {
  for (const Statistic& statistic : statistics) {
    ASSIGN_OR_RETURN(
        Query insert,
        connection.Prepare(
            "INSERT INTO sqlite_stat1 (tbl, idx, stat) SELECT ?1, ?2, ?3 WHERE ?2 IS NULL OR ?2 = ?1 COLLATE "
            "NOCASE OR EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?2 COLLATE NOCASE "
            "AND "
            "tbl_name = ?1 COLLATE NOCASE)"));
    insert.Bind(1, statistic.table).Bind(3, statistic.stat);
    if (statistic.index) {
      insert.Bind(2, *statistic.index);
    } else {
      insert.BindNull(2);
    }
    RETURN_IF_ERROR(insert.Run());
  }
  return absl::OkStatus();
}

absl::Status MakeIndexes(SqliteConnection& connection, const std::vector<PartnerIndex>& indexes,
                         std::vector<std::string>* left_out) {
  const HeldPages held(connection.handle());  // For the rollback of what a refused statement wrote.
  for (const PartnerIndex& index : indexes) {
    absl::Status made = MakeIndex(connection, index);
    if (made.ok()) continue;
    // A full disk is not a fault of the index.
    if (made.code() != absl::StatusCode::kFailedPrecondition) return made;
    // An index of the mirror's own refers to a column that the source no longer has.
    if (!IsOwnIndex(index.name)) left_out->push_back(index.name);
  }
  return absl::OkStatus();
}

absl::Status MakeTriggers(SqliteConnection& connection, const std::string& table,
                          const std::vector<Definition>& triggers) {
  for (const Definition& trigger : triggers) {
    absl::Status made = connection.Execute(trigger.sql);
    if (made.ok()) continue;
    if (made.code() != absl::StatusCode::kFailedPrecondition) return made;
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table, "': SQLite no longer accepts the text of the partner's trigger '", trigger.name,
        "', so it would be lost. The new rows were not swapped in; the former rows are still there. Drop or "
        "correct the trigger; the next cycle populates the table."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunSwap(SqliteConnection& connection, const std::string& table,
                     std::vector<std::string>* left_out) {
  ASSIGN_OR_RETURN(const std::optional<Shadow> shadow, FindShadow(connection, table));
  if (!shadow) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table,
        "': the shadow table of this population is missing. Nothing was applied. Populate the table again."));
  }
  ASSIGN_OR_RETURN(const std::optional<Definition> visible, FindTable(connection, table));
  ASSIGN_OR_RETURN(const std::optional<Definition> filled, FindTable(connection, shadow->name));
  if (!visible || !filled) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", table,
                     "' or its shadow table is missing in the mirror. Nothing was applied. The next cycle "
                     "makes it again."));
  }
  const std::string name = visible->name;
  if (!IsOurs(*visible)) {
    return absl::FailedPreconditionError(
        absl::StrCat("table '", name,
                     "' was made by somebody else. The rows were not swapped in. Rename or drop it, then "
                     "reset the table with 'mirrorctl reset'."));
  }
  ASSIGN_OR_RETURN(const std::vector<PartnerIndex> indexes, FindIndexes(connection, table, IndexKind::kAny));
  ASSIGN_OR_RETURN(const std::vector<Definition> triggers, FindTriggers(connection, table));
  ASSIGN_OR_RETURN(const std::vector<Statistic> statistics, FindStatistics(connection, table));

  connection.ForgetStatements();
  RETURN_IF_ERROR(connection.Execute(absl::StrCat("DROP TABLE ", QuoteName(name))));
  RETURN_IF_ERROR(MoveShadow(connection, filled->name, name));
  CrashPoint("swap.exchanged");
  RETURN_IF_ERROR(ForgetShadow(connection, table));
  RETURN_IF_ERROR(MakeIndexes(connection, indexes, left_out));
  RETURN_IF_ERROR(MakeTriggers(connection, name, triggers));
  RETURN_IF_ERROR(KeepStatistics(connection, statistics));
  CrashPoint("swap.indexed");
  return absl::OkStatus();
}

namespace {

constexpr char kTarget[] = "_mirror_target";

std::string AbsentSql(const TableSchema& schema, const std::string& shadow) {
  std::string same;
  for (const std::uint32_t column : schema.Key()) {
    const std::string name = QuoteName(schema.columns[column].name);
    absl::StrAppend(&same, same.empty() ? "" : " AND ", "s.", name, " = ", kTarget, ".", name);
  }
  std::string sql =
      absl::StrCat(RemoveSql(schema, schema.name, kTarget, "?1"), " WHERE ", LiveRows(schema, kTarget));
  // Without a key rows cannot be distinguished. So all are deleted and written again.
  if (same.empty()) return sql;
  return absl::StrCat(sql, " AND NOT EXISTS (SELECT 1 FROM ", QuoteName(shadow), " AS s WHERE ", same, ")");
}

std::string UpsertSql(const TableSchema& schema, const std::string& shadow) {
  std::string names, set;
  for (const Column& column : schema.columns) {
    const std::string name = QuoteName(column.name);
    absl::StrAppend(&names, names.empty() ? "" : ", ", name);
    // An ANY key may come as 1.0 if 1 is stored.
    if (column.key_position != 0 && column.type != Type::kAny) continue;
    absl::StrAppend(&set, set.empty() ? "" : ", ", name, " = excluded.", name);
  }
  const std::string sql = absl::StrCat("INSERT", OrAbort(schema), " INTO ", QuoteName(schema.name), " AS ",
                                       kTarget, " (", names, OwnNames(schema), ") SELECT ", names,
                                       OwnValues(schema), " FROM ", QuoteName(shadow), " WHERE true");
  const std::vector<std::uint32_t> key = schema.Key();
  if (key.empty()) return sql;
  return absl::StrCat(sql, " ON CONFLICT (", NameList(schema, key), ") DO UPDATE SET ", set,
                      Revive(schema, set));
}

absl::Status Refused(const TableSchema& schema, const std::string& what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "table '", schema.name, "': ", what,
      " refuses the new rows. None of them was applied; the table has its former rows. The source's rows "
      "need not be unique there: drop it, and the next cycle populates the table."));
}

}  // namespace

absl::Status RunMerge(SqliteConnection& connection, const TableSchema& schema, const std::string& shadow,
                      std::int64_t now_ms) {
  // While rows exchange values, two of them may have the same value for a moment, but not at the end.
  ASSIGN_OR_RETURN(const std::vector<PartnerIndex> unique,
                   TakeOffIndexes(connection, schema.name, IndexKind::kUnique));
  {
    ASSIGN_OR_RETURN(Query remove, connection.Prepare(AbsentSql(schema, shadow)));
    if (schema.deletes == Deletes::kMark) remove.Bind(1, now_ms);
    RETURN_IF_ERROR(remove.Run());
  }
  CrashPoint("merge.removed");
  {
    ASSIGN_OR_RETURN(Query upsert, connection.Prepare(UpsertSql(schema, shadow)));
    absl::Status status = upsert.Run();
    if (absl::IsFailedPrecondition(status)) return Refused(schema, "a constraint of the partner's");
    if (!status.ok()) return status;
  }
  CrashPoint("merge.written");
  for (const PartnerIndex& index : unique) {
    absl::Status made = MakeIndex(connection, index);
    if (absl::IsFailedPrecondition(made)) {
      return Refused(schema, absl::StrCat("the partner's unique index '", index.name, "'"));
    }
    if (!made.ok()) return made;
  }
  return DropShadow(connection, schema.name);
}

}  // namespace mirror
