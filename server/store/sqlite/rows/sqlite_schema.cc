#include "server/store/sqlite/rows/sqlite_schema.h"

#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "proto/wire/table_pack.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/mirror_records.h"
#include "server/store/own_names.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_cycle_notes.h"
#include "server/store/sqlite/file/sqlite_ledger.h"
#include "server/store/sqlite/file/sqlite_receipts.h"
#include "server/store/sqlite/file/sqlite_times.h"
#include "server/store/sqlite/rows/sqlite_alter.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"

namespace mirror {
namespace {

/// The tables that CreateOwnTables() makes, except the table with the tenant's name.
constexpr std::string_view kOwnTables[] = {
    "_mirror_tenant",         "_mirror_schema",        "_mirror_answers", "_mirror_nonces",
    "_mirror_shadow",         "_mirror_dropped",       "_mirror_parts",   "_mirror_lost_columns",
    "_mirror_checks",         "_mirror_holds",         "_mirror_losses",  "_mirror_hold_keys",
    "_mirror_receipts",       "_mirror_receipts_open", "_mirror_times",   "_mirror_targets",
    "_mirror_source_objects", "_mirror_cycle_notes"};

absl::Status Run(SqliteConnection& connection, const std::string& sql, const std::string& table) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare(sql));
  return query.Bind(1, table).Run();
}

/// Returns a name that no table has yet.
absl::StatusOr<std::string> FreeName(SqliteConnection& connection, std::string_view prefix) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT coalesce(max(cast(substr(name, length(?1) + 1) AS INTEGER)), 0) + 1 FROM sqlite_schema "
          "WHERE type = 'table' AND substr(name, 1, length(?1)) = ?1"));
  if (absl::StatusOr<bool> row = query.Bind(1, prefix).Step(); !row.ok()) return row.status();
  return absl::StrCat(std::string(prefix), query.Int(0));
}

}  // namespace

absl::Status DropShadow(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(std::optional<Shadow> shadow, FindShadow(connection, table));
  if (!shadow) return absl::OkStatus();
  RETURN_IF_ERROR(connection.Execute(
      absl::StrCat(shadow->is_table ? "DELETE FROM " : "DROP TABLE IF EXISTS ", QuoteName(shadow->name))));
  return ForgetShadow(connection, table);
}

absl::Status ForgetShadow(SqliteConnection& connection, const std::string& table) {
  return Run(connection, "DELETE FROM _mirror_shadow WHERE table_name = ?1", table);
}

namespace {

absl::StatusOr<std::vector<std::string>> IndexesOf(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND "
                                                   "tbl_name = ?1 COLLATE NOCASE AND sql IS NOT "
                                                   "NULL"));
  return query.Bind(1, table).Texts();
}

absl::Status ForgetTable(SqliteConnection& connection, const std::string& table) {
  RETURN_IF_ERROR(DropShadow(connection, table));
  if (absl::Status status = Run(connection, "DELETE FROM _mirror_parts WHERE table_name = ?1", table);
      !status.ok()) {
    return status;
  }
  if (absl::Status status = Run(connection, "DELETE FROM _mirror_lost_columns WHERE table_name = ?1", table);
      !status.ok()) {
    return status;
  }
  RETURN_IF_ERROR(ForgetLedger(connection, table));
  RETURN_IF_ERROR(ForgetTime(connection, table));
  RETURN_IF_ERROR(ForgetOpenReceipt(connection, table));
  RETURN_IF_ERROR(ForgetObjects(connection, table));
  return Run(connection, "DELETE FROM _mirror_schema WHERE table_name = ?1", table);
}

absl::Status RememberLost(SqliteConnection& connection, const std::string& table, const std::string& column,
                          const Position& position) {
  ASSIGN_OR_RETURN(
      Query outdated,
      connection.Prepare(
          "DELETE FROM _mirror_lost_columns WHERE table_name = ?1 AND NOT (lsn = ?2 AND lineage = ?3)"));
  RETURN_IF_ERROR(outdated.Bind(1, table).Bind(2, position.lsn.value).BindBlob(3, position.lineage).Run());
  ASSIGN_OR_RETURN(Query query, connection.Prepare(LostColumnTable().ReplaceSql(kInSqlite)));
  return WriteRow(LostColumnTable(), {table, column, position}, std::move(query));
}

/// Adds the columns that the tenant's row of an earlier version lacks.
absl::Status AddTenantColumns(SqliteConnection& connection) {
  for (const char* const column : {"missed_cycle", "missed_ms", "scrub", "source_accepted"}) {
    ASSIGN_OR_RETURN(
        Query there,
        connection.Prepare("SELECT 1 FROM temp.pragma_table_info('_mirror_tenant') WHERE name = ?1"));
    ASSIGN_OR_RETURN(const bool row, there.Bind(1, column).Step());
    if (row) continue;
    RETURN_IF_ERROR(connection.Execute(
        absl::StrCat("ALTER TABLE _mirror_tenant ADD COLUMN ", column, " INTEGER DEFAULT 0")));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CreateOwnTables(SqliteConnection& connection, const std::string& context_id) {
  const std::string metadata = QuoteName(context_id + "_mirroring");
  for (const std::string& sql : {
           TableRecordTable().CreateMissingSql({.name = metadata}),
           TenantTable().CreateMissingSql(kInSqlite),
           std::string(
               "CREATE TABLE IF NOT EXISTS _mirror_schema (table_name TEXT PRIMARY KEY COLLATE NOCASE, "
               "definition BLOB) WITHOUT ROWID"),
           AnswerTable().CreateMissingSql(kInSqlite),
           NonceTable().CreateMissingSql(kInSqlite),
           std::string(
               "CREATE TABLE IF NOT EXISTS _mirror_shadow (table_name TEXT PRIMARY KEY COLLATE NOCASE, "
               "shadow_name TEXT, cycle INTEGER, row_count INTEGER) WITHOUT ROWID"),
           std::string(
               "CREATE TABLE IF NOT EXISTS _mirror_dropped (dropped_name TEXT PRIMARY KEY, table_name TEXT, "
               "dropped_ms INTEGER) WITHOUT ROWID"),
           LostColumnTable().CreateMissingSql(kInSqlite),
           std::string("CREATE TABLE IF NOT EXISTS _mirror_parts (id INTEGER PRIMARY KEY, table_name TEXT "
                       "COLLATE NOCASE, "
                       "cycle INTEGER, value_id INTEGER, offset INTEGER, data BLOB)"),
           std::string("CREATE UNIQUE INDEX IF NOT EXISTS _mirror_parts_order ON _mirror_parts "
                       "(table_name, value_id, offset)"),
       }) {
    RETURN_IF_ERROR(connection.Execute(sql));
  }
  RETURN_IF_ERROR(AddTenantColumns(connection));
  RETURN_IF_ERROR(CreateLedgerTables(connection));
  RETURN_IF_ERROR(CreateCycleNotesTable(connection));
  RETURN_IF_ERROR(CreateReceiptTables(connection));
  RETURN_IF_ERROR(CreateObjectsTable(connection));
  return CreateTimesTables(connection, metadata);
}

absl::StatusOr<std::string> FindDroppedOwnTable(SqliteConnection& connection, const std::string& context_id) {
  const std::string metadata = FoldName(context_id + "_mirroring");
  std::set<std::string> missing = {metadata};
  for (const std::string_view name : kOwnTables) missing.emplace(name);
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT lower(name) FROM sqlite_schema WHERE type = "
                                                   "'table' AND (name LIKE '\\_mirror\\_%' ESCAPE '\\' "
                                                   "OR name = ?1 COLLATE NOCASE)"));
  ASSIGN_OR_RETURN(const std::vector<std::string> there, query.Bind(1, metadata).Texts());
  for (const std::string& name : there) missing.erase(name);
  return missing.empty() ? std::string() : *missing.begin();
}

namespace {

/// Returns the columns of the own tables as "table.column". The name of the metadata table is without the
/// tenant's name.
absl::StatusOr<std::vector<std::string>> OwnColumnsOf(SqliteConnection& connection,
                                                      const std::string& context_id) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "SELECT iif(own.name = ?1 COLLATE NOCASE, '_mirroring', lower(own.name)) || '.' || "
          "lower(part.name) "
          "FROM sqlite_schema AS own, temp.pragma_table_info(own.name) AS part WHERE own.type = 'table' AND "
          "(own.name LIKE '\\_mirror\\_%' ESCAPE '\\' OR own.name = ?1 COLLATE NOCASE)"));
  return query.Bind(1, FoldName(context_id + "_mirroring")).Texts();
}

/// Returns the columns of the own tables of a new mirror.
absl::StatusOr<std::vector<std::string>> NewOwnColumns() {
  const absl::StatusOr<std::unique_ptr<SqliteConnection>> made =
      SqliteConnection::Open(":memory:", /*create=*/true, MirrorUse::kBuilding, nullptr);
  if (!made.ok()) return made.status();
  RETURN_IF_ERROR(CreateOwnTables(**made, "new"));
  return OwnColumnsOf(**made, "new");
}

}  // namespace

absl::StatusOr<std::string> FindLostOwnColumn(SqliteConnection& connection, const std::string& context_id) {
  ASSIGN_OR_RETURN(const std::vector<std::string> wanted, NewOwnColumns());
  ASSIGN_OR_RETURN(const std::vector<std::string> there, OwnColumnsOf(connection, context_id));
  const std::set<std::string> known(there.begin(), there.end());
  for (const std::string& column : wanted) {
    if (!known.contains(column)) return column.starts_with("_mirroring.") ? context_id + column : column;
  }
  return std::string();
}

absl::Status CheckSqliteTableName(const std::string& table, const std::string& context_id) {
  if (absl::StartsWith(FoldName(table), "sqlite_")) {
    return NotUnderThisName(table, "SQLite reserves names that begin with 'sqlite_'");
  }
  return CheckNotOwnName(table, context_id);
}

absl::Status RunCreateTable(SqliteConnection& connection, const CreateTable& action) {
  if (KeepsPartner(action.schema)) RETURN_IF_ERROR(CheckOwnFit(connection, action.schema));
  // Tries before it checks. A query of sqlite_schema would read all definitions for each table.
  absl::Status made =
      connection.Execute(CreateTableSql(action.schema.name, action.schema, OwnColumnsSql(action.schema)));
  if (!absl::IsFailedPrecondition(made)) return made;
  absl::StatusOr<std::vector<std::string>> there;
  {
    ASSIGN_OR_RETURN(
        Query query,
        connection.Prepare(
            "SELECT type FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view', "
            "'index')"));
    there = query.Bind(1, action.schema.name).Texts();
  }
  if (!there.ok()) return there.status();
  if (there->empty()) return made;
  if (there->front() == "table" && action.schema.preserve_target)
    return AdoptTable(connection, action.schema);
  if (there->front() == "table" && action.lost_definition) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the mirror's own record of table '", action.schema.name,
        "' is missing: somebody removed its row from _mirror_schema. Its rows were not changed, and it "
        "accepts no rows. 'mirrorctl reset' of the table drops it with its rows, and the next cycle makes "
        "and populates it again; rename the table first if somebody still needs its rows."));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the mirror database has ", there->front() == "index" ? "an " : "a ", there->front(), " '",
                   action.schema.name,
                   "' that the mirror did not make. It was left as it is. Rename or drop it; 'mirrorctl "
                   "reset' drops it if it took the place of a mirrored table."));
}

absl::StatusOr<std::vector<std::string>> LostColumns(SqliteConnection& connection, const std::string& table,
                                                     const Position& position) {
  ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT column_name FROM _mirror_lost_columns WHERE "
                                                   "table_name = ?1 AND lsn = ?2 AND lineage = ?3"));
  return query.Bind(1, table).Bind(2, position.lsn.value).BindBlob(3, position.lineage).Texts();
}

namespace {

/// Returns whether SQLite reads this default, in rows older than the column, as it stores the bound value. It
/// reads 4.0 as the integer 4 if the column has no type, and as the text of the statement if the column is
/// TEXT. At the ends of the range its conversion of decimal numbers is not exact.
absl::StatusOr<bool> ReadsDefault(SqliteConnection& connection, const Column& column, double value) {
  const std::string_view declared = SqliteDeclaration(column);
  if (declared.empty() || declared == "TEXT") return false;
  ASSIGN_OR_RETURN(Query query, connection.Prepare(absl::StrCat("SELECT ", LiteralSql(column, value))));
  RETURN_IF_ERROR(query.StepToRow());
  return query.Real(0) == value;
}

}  // namespace

absl::Status RunAlterTable(SqliteConnection& connection, const std::string& table, const Position& position,
                           const AlterTable& action) {
  CrashPoint("schema.altering");
  const std::string alter = absl::StrCat("ALTER TABLE ", QuoteName(table), " ");
  connection.ForgetStatements();
  for (const auto& change : action.changes) {
    // Columns store values in their storage type, whatever type is declared.
    if (std::holds_alternative<RetypeColumn>(change)) continue;
    std::string sql;
    const double* real_default = nullptr;
    if (const auto* add = std::get_if<AddColumn>(&change)) {
      sql = absl::StrCat(alter, "ADD COLUMN ", QuoteName(add->column.name), " ",
                         std::string(SqliteDeclaration(add->column)));
      const bool filled = add->column.backfill == Backfill::kDefault && add->column.default_value.has_value();
      const auto* const real = filled ? std::get_if<double>(&*add->column.default_value) : nullptr;
      // Old rows are not written, because SQLite reads the default for them. They are written only if SQLite
      // would read a different value.
      if (real != nullptr) {
        ASSIGN_OR_RETURN(const bool same, ReadsDefault(connection, add->column, *real));
        if (!same) real_default = real;
      }
      if (filled && real_default == nullptr) {
        absl::StrAppend(&sql, " DEFAULT ", LiteralSql(add->column, *add->column.default_value));
      }
    } else if (const auto* drop = std::get_if<DropColumn>(&change)) {
      sql = absl::StrCat(alter, "DROP COLUMN ", QuoteName(drop->name));
      RETURN_IF_ERROR(RememberLost(connection, table, drop->name, position));
      RETURN_IF_ERROR(DropOwnIndexesOver(connection, table, drop->name));
    } else {
      const auto& rename = std::get<RenameColumn>(change);
      sql = absl::StrCat(alter, "RENAME COLUMN ", QuoteName(rename.from), " TO ", QuoteName(rename.to));
    }
    RETURN_IF_ERROR(AlterColumns(connection, sql));
    if (real_default == nullptr) continue;
    const std::string fill = absl::StrCat("UPDATE ", QuoteName(table), " SET ",
                                          QuoteName(std::get<AddColumn>(change).column.name), " = ?1");
    ASSIGN_OR_RETURN(Query query, connection.Prepare(fill));
    query.Bind(1, *real_default == 0 ? 0.0 : *real_default);
    RETURN_IF_ERROR(query.Run());
  }
  return absl::OkStatus();
}

absl::Status RunAgreeSchema(SqliteConnection& connection, const AgreeSchema& action) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("INSERT INTO _mirror_schema (table_name, definition) VALUES (?1, ?2) "
                         "ON CONFLICT (table_name) DO UPDATE SET definition = excluded.definition"));
  const std::string packed = PackTable(action.schema);
  return query.Bind(1, action.schema.name).BindBlob(2, packed).Run();
}

absl::Status RunRetireTable(SqliteConnection& connection, const std::string& table,
                            const RetireTable& action) {
  CrashPoint("schema.retiring");
  RETURN_IF_ERROR(ForgetTable(connection, table));
  ASSIGN_OR_RETURN(const std::optional<Definition> there, FindTable(connection, table));
  if (!there) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::string aside, FreeName(connection, "_mirror_dropped_"));
  connection.ForgetStatements();
  absl::Status status = RenameTable(connection, table, aside);
  if (absl::IsFailedPrecondition(status)) {
    // If SQLite cannot keep an index of the partner, the index must not prevent that the table is set aside.
    ASSIGN_OR_RETURN(std::vector<std::string> indexes, IndexesOf(connection, table));
    for (const std::string& index : indexes) {
      status = connection.Execute(absl::StrCat("DROP INDEX ", QuoteName(index)));
      if (!status.ok()) return status;
    }
    status = MoveTable(connection, table, aside);
  }
  if (!status.ok()) return status;
  absl::StatusOr<Query> query = connection.Prepare(
      // Replaces the entry of a table that the partner dropped since.
      "INSERT OR REPLACE INTO _mirror_dropped (dropped_name, table_name, dropped_ms) VALUES (?1, ?2, ?3)");
  if (!query.ok()) return query.status();
  return query->Bind(1, aside).Bind(2, table).Bind(3, action.now_ms).Run();
}

absl::Status RunDropTable(SqliteConnection& connection, const std::string& table) {
  RETURN_IF_ERROR(ForgetTable(connection, table));
  // The partner may have put a view or an index in the table's place.
  std::string kind = "TABLE";
  {
    ASSIGN_OR_RETURN(Query query, connection.Prepare("SELECT upper(type) FROM sqlite_schema WHERE type IN "
                                                     "('view', 'index') AND name = ?1 COLLATE NOCASE"));
    ASSIGN_OR_RETURN(const bool row, query.Bind(1, table).Step());
    if (row) kind = query.Text(0);
  }
  connection.ForgetStatements();
  return connection.Execute(absl::StrCat("DROP ", kind, " IF EXISTS ", QuoteName(table)));
}

absl::Status DropRetired(SqliteConnection& connection, std::int64_t before_ms) {
  std::vector<std::string> names;
  {
    ASSIGN_OR_RETURN(Query query,
                     connection.Prepare("SELECT dropped_name FROM _mirror_dropped WHERE dropped_ms < ?1"));
    ASSIGN_OR_RETURN(names, query.Bind(1, before_ms).Texts());
  }
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const bool kept, HoldsOthersRows(connection, name));
    if (kept) {
      absl::Status emptied = DeleteLiveRows(connection, name);
      // An index of the partner may prevent this. That must not make the announcement fail.
      if (!emptied.ok() && !absl::IsFailedPrecondition(emptied)) return emptied;
      // The other rows stay forever. Later calls skip this table.
      emptied = Run(connection, "UPDATE _mirror_dropped SET dropped_ms = NULL WHERE dropped_name = ?1", name);
      if (!emptied.ok()) return emptied;
      continue;
    }
    if (absl::Status status = connection.Execute(absl::StrCat("DROP TABLE IF EXISTS ", QuoteName(name)));
        !status.ok()) {
      return status;
    }
    if (absl::Status status = Run(connection, "DELETE FROM _mirror_dropped WHERE dropped_name = ?1", name);
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> SetAside(SqliteConnection& connection, const std::string& table) {
  std::vector<std::string> names;
  {
    ASSIGN_OR_RETURN(
        Query query,
        connection.Prepare(
            "SELECT dropped_name FROM _mirror_dropped WHERE (?1 = '' OR table_name = ?1 COLLATE NOCASE) AND "
            "EXISTS "
            "(SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = dropped_name) "
            "ORDER BY length(dropped_name), dropped_name"));
    ASSIGN_OR_RETURN(names, query.Bind(1, table).Texts());
  }
  std::vector<std::string> holding;
  for (std::string& name : names) {
    ASSIGN_OR_RETURN(const bool kept, HoldsOthersRows(connection, name));
    if (kept) holding.push_back(std::move(name));
  }
  return holding;
}

namespace {

/// Returns whether the table can be its own shadow. A mirror that is being built is visible to no one, so an
/// empty table needs no separate shadow. It is checked without sqlite_schema, because a query of that would
/// read all definitions for each table.
absl::StatusOr<bool> IsOwnShadow(SqliteConnection& connection, const std::string& table,
                                 const TableSchema& schema) {
  if (!connection.building()) return false;
  const absl::StatusOr<bool> fits = HasDefinition(connection, table, schema);
  if (!fits.ok() || !*fits) return fits;
  ASSIGN_OR_RETURN(Query filled,
                   connection.Prepare(absl::StrCat("SELECT 1 FROM ", QuoteName(table), " LIMIT 1")));
  ASSIGN_OR_RETURN(const bool row, filled.Step());
  return !row;
}

}  // namespace

absl::Status RunBeginShadow(SqliteConnection& connection, const std::string& table,
                            const BeginShadow& action) {
  CrashPoint("shadow.beginning");
  RETURN_IF_ERROR(DropShadow(connection, table));
  ASSIGN_OR_RETURN(const bool own, IsOwnShadow(connection, table, action.schema));
  absl::StatusOr<std::string> name = table;
  if (!own) {
    name = FreeName(connection, "_mirror_shadow_");
    if (!name.ok()) return name.status();
    RETURN_IF_ERROR(connection.Execute(CreateTableSql(*name, action.schema)));
  }
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare(
          "INSERT INTO _mirror_shadow (table_name, shadow_name, cycle, row_count) VALUES (?1, ?2, ?3, 0)"));
  return query.Bind(1, table).Bind(2, *name).Bind(3, action.cycle).Run();
}

absl::StatusOr<std::optional<Shadow>> FindShadow(SqliteConnection& connection, const std::string& table) {
  ASSIGN_OR_RETURN(
      Query query,
      connection.Prepare("SELECT shadow_name, row_count FROM _mirror_shadow WHERE table_name = ?1"));
  ASSIGN_OR_RETURN(bool row, query.Bind(1, table).Step());
  if (!row) return std::nullopt;
  return Shadow{query.Text(0), query.Int(1), SameName(query.Text(0), table)};
}

absl::Status SetShadowRows(SqliteConnection& connection, const std::string& table, std::int64_t rows) {
  ASSIGN_OR_RETURN(Query query,
                   connection.Prepare("UPDATE _mirror_shadow SET row_count = ?2 WHERE table_name = ?1"));
  return query.Bind(1, table).Bind(2, rows).Run();
}

absl::Status EmptyUnfinished(SqliteConnection& connection) {
  std::vector<std::string> tables;
  {
    ASSIGN_OR_RETURN(
        Query query,
        connection.Prepare(
            "SELECT table_name FROM _mirror_shadow WHERE shadow_name = table_name COLLATE NOCASE"));
    ASSIGN_OR_RETURN(tables, query.Texts());
  }
  for (const std::string& table : tables) {
    RETURN_IF_ERROR(DropShadow(connection, table));
  }
  return absl::OkStatus();
}

absl::Status DropOldShadows(SqliteConnection& connection, std::int64_t cycle) {
  std::vector<std::string> tables;
  {
    ASSIGN_OR_RETURN(Query query,
                     connection.Prepare("SELECT table_name FROM _mirror_shadow WHERE cycle <> ?1"));
    ASSIGN_OR_RETURN(tables, query.Bind(1, cycle).Texts());
  }
  for (const std::string& table : tables) {
    RETURN_IF_ERROR(DropShadow(connection, table));
  }
  ASSIGN_OR_RETURN(Query parts, connection.Prepare("DELETE FROM _mirror_parts WHERE cycle <> ?1"));
  return parts.Bind(1, cycle).Run();
}

}  // namespace mirror
