#include "server/store/postgres/rows/own_schema.h"

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "server/store/mirror_records.h"
#include "server/store/postgres/place/rights.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/state_payload.h"
#include "server/store/postgres/rows/state_rows.h"

namespace mirror {
namespace {

constexpr char kLostAdvice[] =
    ", which the mirror keeps for itself: restore the mirror from a backup, or reset it with 'mirrorctl "
    "reset'";

/// The parts of a CREATE TABLE.
struct SchemaTable {
  std::string name;   ///< Quoted, with its schema.
  std::string plain;  ///< Without quotes and schema.
  std::string columns;
  const char* key;         ///< Null: the table has no key.
  const char* constraint;  ///< The key's name. A name that PostgreSQL chooses could be equal to that of a
                           ///< mirrored table.
  const char* more = "";
};

/// Storage option of tables whose rows are updated in place many times.
constexpr char kLoose[] = " WITH (fillfactor = 50)";

std::vector<SchemaTable> FirstTablesOf(const std::string& context_id, const PostgresOwnTables& names) {
  return {
      {names.metadata, MetadataOf(context_id),
       "table_key text COLLATE \"C\", table_name text NOT NULL, schema_hash text, lsn bigint, lineage bytea, "
       "pending_lsn bigint, pending_lineage bytea, seq bigint, row_count bigint, cycle bigint, state text",
       "table_key", "_mirror_own_key_1", kLoose},
      {names.tenant, "_mirror_tenant", TenantColumnsSql(), "context_id", "_mirror_own_key_2", kLoose},
      {names.definitions, "_mirror_schema",
       "table_key text COLLATE \"C\", definition bytea NOT NULL, generation bigint NOT NULL, kinds bytea",
       "table_key", "_mirror_own_key_3"},
      {names.state, "_mirror_state",
       "kind smallint, table_key text COLLATE \"C\", number bigint, payload bytea", "kind, table_key, number",
       "_mirror_own_key_4"},
      {names.receipts, "_mirror_receipts",
       "kind smallint, table_key text COLLATE \"C\", number bigint, \"offset\" bigint, cycle bigint, data "
       "bytea",
       "kind, table_key, number, \"offset\"", "_mirror_own_key_5"},
      {names.hooks, "_mirror_hooks",
       HookNoteTable().ColumnsSql(Dialect::kPostgres) + ", claimed_by text, claimed_until bigint", "id",
       "_mirror_own_key_6"},
  };
}

/// Returns the tables that were added in layout 2.
std::vector<SchemaTable> LaterTablesOf(const PostgresOwnTables& names) {
  return {
      {names.documents, "_mirror_documents", DocumentTable().ColumnsSql(Dialect::kPostgres), "kind, id",
       "_mirror_own_key_documents"},
      {names.journal, "_mirror_journal",
       "number bigint, salt bigint NOT NULL, table_key text COLLATE \"C\" NOT NULL, table_name text NOT "
       "NULL, "
       "moment bigint NOT NULL, operation smallint NOT NULL, columns text, row_total bigint, least bytea, "
       "most "
       "bytea, keys bytea, cycle bigint, seq bigint, origin text, lsn bigint, lineage bytea, receipt bigint, "
       "source_ms bigint, done_ms bigint, row_count bigint, digest bytea",
       "number", "_mirror_own_key_journal"},
      {names.floor, "_mirror_floor", "number bigint NOT NULL, salt bigint NOT NULL", nullptr, nullptr},
      {names.history, "_mirror_history",
       "table_key text COLLATE \"C\", table_name text NOT NULL, versions text NOT NULL, view_name text NOT "
       "NULL, definition bytea NOT NULL, known_from bigint NOT NULL, view_is_whole boolean NOT NULL, hidden "
       "text NOT NULL DEFAULT '[]'",
       "table_key", "_mirror_own_key_history"},
  };
}

std::vector<SchemaTable> AllTablesOf(const std::string& context_id, const PostgresOwnTables& names) {
  std::vector<SchemaTable> all = FirstTablesOf(context_id, names);
  for (SchemaTable& table : LaterTablesOf(names)) all.push_back(std::move(table));
  return all;
}

std::string CreateSql(const SchemaTable& table) {
  const std::string key = table.key == nullptr ? ""
                                               : absl::StrCat(", CONSTRAINT ", table.constraint,
                                                              " PRIMARY KEY (", table.key, ")");
  return absl::StrCat("CREATE TABLE ", table.name, " (", table.columns, key, ")", table.more);
}

constexpr char kHeadsIndex[] = "_mirror_journal_heads";
std::string HeadsSql(const PostgresOwnTables& names) {
  return absl::StrCat("CREATE INDEX ", kHeadsIndex, " ON ", names.journal,
                      " (table_key, number) WHERE number = moment");
}

constexpr char kCommitsView[] = "_mirror_commits";
/// Returns the view that shows a partner the commits in the journal.
std::string CommitsSql(const PostgresOwnTables& names) {
  return absl::StrCat("CREATE VIEW ", names.commits,
                      " AS SELECT number AS moment, table_name, cycle, lsn, lineage, receipt, source_ms, "
                      "done_ms, row_count FROM ",
                      names.journal, " WHERE number = moment AND done_ms IS NOT NULL");
}

/// Returns the view that shows a partner how old the tables are at the time of the query.
std::string FreshnessSql(const PostgresOwnTables& names) {
  const auto ms = [](const char* payload) {
    return absl::StrCat("('x' || encode(", payload, ".payload, 'hex'))::bit(64)::bigint");
  };
  const auto join = [&](const char* alias, StateKind kind, const char* key) {
    return absl::StrCat(" LEFT JOIN ", names.state, " ", alias, " ON ", alias,
                        ".kind = ", static_cast<int>(kind), " AND ", alias, ".table_key = ", key, " AND ",
                        alias, ".number = 0");
  };
  return absl::StrCat(
      "CREATE VIEW ", names.freshness,
      " AS SELECT table_name, to_timestamp(source_ms / 1000.0) AS source_time, CASE WHEN source_ms IS NOT "
      "NULL "
      "THEN greatest(0, round(now_s - source_ms / 1000.0, 1)) END::double precision AS age_seconds, "
      "(target_ms "
      "/ 1000.0)::double precision AS target_seconds, target_ms IS NOT NULL AND (source_ms IS NULL OR now_s "
      "- "
      "source_ms / 1000.0 > target_ms / 1000.0) AS missed FROM (SELECT m.table_name, extract(epoch FROM "
      "clock_timestamp()) AS now_s, CASE WHEN t.kind IS NULL THEN ",
      ms("a"), " ELSE ", ms("t"), " END AS source_ms, nullif(coalesce(", ms("o"), ", ", ms("e"),
      "), 0) AS target_ms FROM ", names.metadata, " m", join("t", StateKind::kTime, "m.table_key"),
      join("a", StateKind::kTime, "''"), join("o", StateKind::kTarget, "m.table_key"),
      join("e", StateKind::kTarget, "''"), ") AS every_table");
}

constexpr char kCompleting[] = "completing the mirror's own tables";

/// Checks that no later table was lost. Layout 1 made each later table only at its first use. If one is
/// missing although something was stored in it, somebody dropped it.
absl::Status CheckNoneLost(postgres::Connection& connection, const PostgresOwnTables& names,
                           const std::set<std::string>& there) {
  ASSIGN_OR_RETURN(
      const auto kept,
      connection.Query(
          absl::StrCat(
              "SELECT EXISTS (SELECT FROM ", names.state,
              " WHERE kind = ", static_cast<int>(StateKind::kJournal),
              " AND table_key = ''), EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = "
              "c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r' AND c.relowner = n.nspowner AND "
              "c.relname ~ '^_mirror_versions_[0-9]+$')"),
          {names.schema_name}, kCompleting));
  const char* lost = kept.Bool(0, 0) && !there.contains("_mirror_journal")   ? "_mirror_journal"
                     : kept.Bool(0, 0) && !there.contains("_mirror_floor")   ? "_mirror_floor"
                     : kept.Bool(0, 1) && !there.contains("_mirror_history") ? "_mirror_history"
                                                                             : nullptr;
  if (lost == nullptr) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("somebody dropped or renamed ", lost, " in the schema ", names.schema, kLostAdvice));
}

/// Makes the missing tables, by statements that fail if anybody has taken the name.
absl::Status MakeLaterTables(postgres::Connection& connection, const PostgresOwnTables& names) {
  postgres::OwnRelations own{.schema = names.schema_name, .views = {kCommitsView}, .indexes = {kHeadsIndex}};
  for (const SchemaTable& table : LaterTablesOf(names)) own.tables.push_back(table.plain);
  ASSIGN_OR_RETURN(const auto found, postgres::OwnGuard(own).Find(connection));
  const std::set<std::string>& there = found.names;
  absl::Status made = CheckNoneLost(connection, names, there);
  const auto make = [&](const std::string& plain, const std::string& sql) {
    if (made.ok() && !there.contains(plain)) made = connection.Execute(sql, kCompleting);
  };
  for (const SchemaTable& table : LaterTablesOf(names)) {
    make(table.plain, CreateSql(table));
    // Default privileges of a schema with readers may grant additional rights.
    if (made.ok() && !there.contains(table.plain)) made = TakeRights(connection, table.name);
  }
  make(kHeadsIndex, HeadsSql(names));
  make(kCommitsView, CommitsSql(names));
  if (made.ok() && !there.contains(kCommitsView)) made = TakeRights(connection, names.commits);
  return made;
}

/// Checks an existing schema, whoever made it.
absl::Status CheckIsMirror(postgres::Connection& connection, const std::string& context_id,
                           const PostgresOwnTables& names) {
  ASSIGN_OR_RETURN(const auto there, postgres::OwnGuard(TenantOf(names.schema_name)).Find(connection));
  if (!there.names.empty()) {
    ASSIGN_OR_RETURN(const auto row, connection.Number(absl::StrCat("SELECT count(*) FROM ", names.tenant,
                                                                    " WHERE context_id = $1"),
                                                       {context_id}, "looking for the mirror's schema"));
    if (row == 1) return absl::OkStatus();
  }
  return NotTheMirrorOf(context_id, names);
}

absl::StatusOr<TenantRow> OrLost(std::optional<TenantRow> row, const PostgresOwnTables& names) {
  if (row) return *std::move(row);
  return absl::DataLossError(absl::StrCat("somebody removed the row of ", names.tenant, kLostAdvice));
}

}  // namespace

SchemaLayout MirrorLayout(const PostgresOwnTables& names, const MirrorGuard* own) {
  return {.table = names.tenant,
          .present = kPostgresLayout,
          .steps = {{.to = 2,
                     .sql = "",
                     .run =
                         [names](postgres::Connection& connection) {
                           return MakeLaterTables(connection, names);
                         }}},
          .own = own};
}

absl::Status NotTheMirrorOf(const std::string& context_id, const PostgresOwnTables& names) {
  return absl::FailedPreconditionError(
      absl::StrCat("the schema ", names.schema, " is there already, and it is not the mirror of '",
                   context_id, "'. Nothing was made: rename it, or drop it, and try again."));
}

void QueueOwnSchema(postgres::Pipeline& pipeline, const std::string& context_id,
                    const PostgresOwnTables& names, std::int64_t epoch) {
  constexpr char kDoing[] = "making the mirror's schema";
  pipeline.Queue(absl::StrCat("CREATE SCHEMA ", names.schema), {}, kDoing);
  pipeline.Queue(absl::StrCat("REVOKE ALL ON SCHEMA ", names.schema, " FROM PUBLIC"), {}, kDoing);
  for (const SchemaTable& table : AllTablesOf(context_id, names)) {
    pipeline.Queue(CreateSql(table), {}, kDoing);
    // Default privileges of the role may grant additional rights.
    pipeline.Queue(absl::StrCat("REVOKE ALL ON TABLE ", table.name, " FROM PUBLIC"), {}, kDoing);
  }
  pipeline.Queue(HeadsSql(names), {}, kDoing);
  pipeline.Queue(FreshnessSql(names), {}, kDoing);
  pipeline.Queue(CommitsSql(names), {}, kDoing);
  pipeline.Queue(absl::StrCat("INSERT INTO ", names.tenant,
                              " (context_id, layout, layout_min, program, epoch, state, timeline, self_oid) "
                              "SELECT $1, $2, $3, $4, $5, 'serving', left(pg_walfile_name("
                              "pg_current_wal_lsn()), 8), $6::regclass::oid"),
                 std::vector<postgres::Value>{context_id, kPostgresLayout, kPostgresLayoutMin, MIRROR_VERSION,
                                              epoch, names.tenant},
                 kDoing);
}

absl::StatusOr<Made> MakeOwnSchema(postgres::Connection& connection, const std::string& context_id,
                                   const PostgresOwnTables& names, std::int64_t epoch) {
  absl::Status made;
  {
    postgres::Transaction transaction(connection);
    postgres::Pipeline pipeline(connection);
    transaction.Begin(pipeline);
    QueueOwnSchema(pipeline, context_id, names, epoch);
    made = transaction.Commit(pipeline).status();
  }
  if (made.ok()) return Made::kHere;
  if (!SchemaWasThere(made)) return ToStoreStatus(made, TableOwner::kMirroredTable);
  RETURN_IF_ERROR(ToStoreStatus(CheckIsMirror(connection, context_id, names), TableOwner::kMirroredTable));
  return Made::kWasThere;
}

absl::StatusOr<std::string> FindLost(postgres::Connection& connection, const std::string& context_id,
                                     const PostgresOwnTables& names) {
  const auto rows = connection.Query(
      "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND "
      "a.attnum > 0 AND NOT a.attisdropped WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' "
      "AND "
      "(c.relname LIKE '\\_mirror\\_%' OR c.relname = $2)",
      {names.schema, MetadataOf(context_id)}, "looking at the mirror's own tables");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  std::set<std::string> tables;
  std::set<std::pair<std::string, std::string>> columns;
  for (int row = 0; row < rows->rows(); ++row) {
    tables.insert(rows->Text(row, 0));
    columns.emplace(rows->Text(row, 0), rows->Text(row, 1));
  }
  std::vector<SchemaTable> own = FirstTablesOf(context_id, names);
  for (const SchemaTable& table : own) {
    if (!tables.contains(table.plain)) return table.plain;
  }
  // An older server may have made the mirror anew meanwhile.
  const auto layout = connection.Number(absl::StrCat("SELECT layout FROM ", names.tenant), {},
                                        "looking at the mirror's layout");
  if (!layout.ok()) return ToStoreStatus(layout.status(), TableOwner::kOwnTable);
  if (*layout >= 2) own = AllTablesOf(context_id, names);
  for (const SchemaTable& table : own) {
    if (!tables.contains(table.plain)) return table.plain;
    for (std::string_view rest = table.columns; !rest.empty();) {
      std::string_view name = rest.substr(0, rest.find(' '));
      if (name.front() == '"') name = name.substr(1, name.size() - 2);
      if (!columns.contains({table.plain, std::string(name)}))
        return absl::StrCat(table.plain, ".", std::string(name));
      const std::size_t comma = rest.find(", ");
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 2);
    }
  }
  return std::string();
}

absl::Status CheckLayout(std::int64_t layout_min, const std::string& program) {
  if (layout_min <= kPostgresLayout) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "the mirror was written by version ", program, " and this is ", MIRROR_VERSION,
      ", which cannot read it. Nothing was changed: upgrade this server to ", program, " or later."));
}

absl::Status CheckOwnRelations(postgres::Connection& connection, const std::string& context_id,
                               const PostgresOwnTables& names) {
  const absl::StatusOr<std::string> lost = FindLost(connection, context_id, names);
  if (!lost.ok() || lost->empty()) return lost.status();
  return absl::DataLossError(
      absl::StrCat("somebody dropped or renamed ", *lost, " in the schema ", names.schema, kLostAdvice));
}

absl::StatusOr<TenantRow> ReadTenantRow(postgres::Connection& connection, const PostgresOwnTables& names) {
  ASSIGN_OR_RETURN(std::optional<TenantRow> row, SelectTenant(connection, names));
  return OrLost(std::move(row), names);
}

absl::StatusOr<TenantRow> ReadTenantRow(postgres::Connection& connection, const MirrorGuard& own,
                                        const PostgresOwnTables& names) {
  const auto rows = own.Query(connection, SelectTenantSql(names), "reading the tenant's row");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  ASSIGN_OR_RETURN(std::optional<TenantRow> row, SelectedTenantOf(*rows));
  return OrLost(std::move(row), names);
}

}  // namespace mirror
