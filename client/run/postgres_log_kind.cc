
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/pipeline.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/exchange/datajoin/datajoin_objects.h"
#include "client/exchange/postgres_box_triggers.h"
#include "client/exchange/postgres_boxes.h"
#include "client/exchange/postgres_exchange_tables.h"
#include "client/exchange/postgres_own_check.h"
#include "client/run/log_kinds.h"
#include "client/run/source_rules.h"
#include "client/source/postgres/log_words.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_log.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/postgres/postgres_staging.h"
#include "client/source/postgres/publication.h"
#include "client/source/postgres/replication_slot.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

constexpr std::chrono::milliseconds kSlotMadeWithin{30'000};
/// The end of a script that begins with InstallScript().
constexpr char kScriptEnd[] = "RESET search_path;\n";

std::string SlotOf(const SourceConfig& source) {
  return source.server.slot.empty() ? SlotName(source.context_id) : source.server.slot;
}
std::string PublicationOf(const SourceConfig& source) {
  return source.server.publication.empty() ? SlotName(source.context_id) : source.server.publication;
}

PostgresStagingOptions StagingOf(const SourceConfig& source, const LogUser& user) {
  PostgresStagingOptions options;
  options.access = PostgresAccessOf(source);
  options.slot = SlotOf(source);
  options.publication = PublicationOf(source);
  options.stage = StageOptionsOf(source, user);
  return options;
}

/// Opens a session that may write.
absl::StatusOr<std::unique_ptr<postgres::Connection>> OpenToChange(const SourceConfig& source) {
  return postgres::Connection::Open(ConnectToChange(PostgresAccessOf(source)));
}

absl::StatusOr<std::vector<PostgresTable>> ReadTables(postgres::Connection& connection,
                                                      const std::string& schema) {
  postgres::Pipeline pipeline(connection);
  const PostgresTableQueries queries(schema);
  queries.Queue(pipeline);
  ASSIGN_OR_RETURN(const std::vector<postgres::Rows> rows, pipeline.Run());
  return queries.Take(rows);
}

/// Returns the tables that cannot be logged, by name, and why.
std::map<std::string, std::string> WhyUnlogged(const std::vector<PostgresTable>& tables) {
  std::map<std::string, std::string> unlogged;
  for (const PostgresTable& table : tables) {
    std::string why = WhyUnpublishable(table);
    if (!why.empty()) unlogged[table.name] = std::move(why);
  }
  return unlogged;
}

/// The publication that these tables need in the source, and the present one.
struct LogWish {
  PublicationWish wish;
  std::optional<PublicationFacts> now;
};
absl::StatusOr<LogWish> WishFor(postgres::Connection& connection, const SourceConfig& source,
                                const LogUser& user, const std::vector<std::string>& tables) {
  LogWish log;
  ASSIGN_OR_RETURN(std::vector<PostgresTable> known, ReadTables(connection, source.server.schema));
  std::erase_if(known, [&tables](const PostgresTable& table) {
    return std::find(tables.begin(), tables.end(), table.name) == tables.end();
  });
  ASSIGN_OR_RETURN(std::optional<PublicationFacts> now, ReadPublication(connection, PublicationOf(source)));
  log.now = std::move(now);
  log.wish = {PublicationOf(source), SlotOf(source), user.source_id, std::move(known)};
  std::string& source_id = log.wish.source_id;
  if (source_id.empty() && log.now) source_id = SourceIdOf(log.now->comment);
  if (source_id.empty()) source_id = NewToken();
  return log;
}

/// The first cycle makes the slot if this role may not, or if transactions stay open for long.
absl::Status MakeSlot(postgres::Connection& connection, const std::string& slot, std::string* words) {
  ASSIGN_OR_RETURN(const SlotLook look, LookAtSlot(connection, slot));
  if (look.slot) return absl::OkStatus();
  const absl::StatusOr<std::uint64_t> made = CreateSlot(connection, slot, kSlotMadeWithin);
  if (made.ok()) return absl::OkStatus();
  const LogTrouble trouble = LogTroubleOf(made.status());
  if (trouble != LogTrouble::kDenied && !absl::IsUnavailable(made.status())) return made.status();
  absl::StrAppend(words, ". The replication slot '", slot,
                  "' is made by the first cycle: ", std::string(made.status().message()));
  return absl::OkStatus();
}

/// If the source has an exchange: makes its tables, logs the ledger. Returns what was done, for people.
absl::StatusOr<std::string> MakeExchange(postgres::Connection& connection, const SourceConfig& source,
                                         std::vector<std::string>* tables) {
  if (!source.accept.any()) return std::string();
  ASSIGN_OR_RETURN(const bool made, MakePostgresExchange(connection, source.server.schema));
  if (std::find(tables->begin(), tables->end(), kLedgerTable) == tables->end())
    tables->emplace_back(kLedgerTable);
  return absl::StrCat("; the exchange's tables _mirror_exchange, _mirror_inbox and _mirror_ledger ",
                      made ? "are made" : "are there");
}

bool NotesChanges(const SourceConfig& source) { return source.exchange.capture == ChangeCapture::kLog; }

/// Returns statements that make the triggers for DataJoin's outbox on these tables.
absl::StatusOr<std::vector<std::string>> BoxTriggers(postgres::Connection& connection,
                                                     const SourceConfig& source,
                                                     const std::vector<PostgresTable>& tables, BoxesBy by) {
  RETURN_IF_ERROR(CheckBoxEncoding(connection));
  return BoxTriggerStatements(connection, source.server.schema,
                              NotesChanges(source) ? tables : std::vector<PostgresTable>(),
                              RulesOfExchange(source).keys, by);
}

/// The names of DataJoin's tables in a source.
PostgresOwnNames BoxNames(const SourceConfig& source) {
  PostgresOwnNames names{source.server.schema, {}, DatajoinSharedTables()};
  for (std::string& name : BoxTables()) {
    if (std::find(names.shared.begin(), names.shared.end(), name) == names.shared.end())
      names.own.push_back(std::move(name));
  }
  names.own.emplace_back(kNotedTable);
  names.functions.emplace_back(kNoteFunction);
  return names;
}

/// Makes the objects of `layout = "datajoin"` in a source. Returns what was done, for people.
absl::StatusOr<std::string> MakeBoxes(postgres::Connection& connection, const SourceConfig& source,
                                      const std::vector<PostgresTable>& tables) {
  if (!source.exchange.datajoin()) return std::string();
  ASSIGN_OR_RETURN(const std::vector<std::string> triggers,
                   BoxTriggers(connection, source, tables, BoxesBy::kSession));
  const ExchangeRules rules = RulesOfExchange(source);
  PostgresMembers members({}, rules);  // It reads no rows.
  PostgresBoxes boxes(connection, members, source.server.schema);
  ASSIGN_OR_RETURN(const std::vector<std::string> missing, DatajoinStatements(boxes.sql()));
  PostgresOwnNames names = BoxNames(source);
  // The agent's own objects are not used now.
  if (missing.empty() && triggers.empty()) {
    names.own.clear();
    names.functions.clear();
  }
  RETURN_IF_ERROR(CheckOwnNames(connection, names));
  const absl::StatusOr<std::string> made = MakeDatajoinObjects(boxes, triggers);
  if (postgres::TroubleOf(made.status()) == postgres::Trouble::kDenied) {
    return absl::PermissionDeniedError(absl::StrCat(
        std::string(made.status().message()),
        ". None of DataJoin's tables was made. The role needs CREATE on the schema, and has to own the "
        "tables whose changes go into the outbox. Let their owner run the script that 'mirror-agent install "
        "--print-sql' prints, or a superuser, if a superuser ran it before"));
  }
  if (!made.ok()) return made;
  return absl::StrCat("; ", *made);
}

/// Returns the statements that make these objects, as a script for a DBA.
absl::StatusOr<std::string> PrintBoxes(postgres::Connection& connection, const SourceConfig& source,
                                       const std::vector<PostgresTable>& tables, const std::string& role) {
  if (!source.exchange.datajoin()) return std::string();
  ASSIGN_OR_RETURN(const std::vector<std::string> triggers,
                   BoxTriggers(connection, source, tables, BoxesBy::kDba));
  PostgresBoxSql boxes(connection, source.server.schema);
  ASSIGN_OR_RETURN(std::vector<std::string> sql, DatajoinStatements(boxes));
  const absl::StatusOr<std::string> check = OwnCheckSql(BoxNames(source), role);
  if (!check.ok()) return check;
  sql.insert(sql.begin(), *check);
  ASSIGN_OR_RETURN(const std::vector<std::string> grants,
                   BoxGrants(source.server.schema, role, NotesChanges(source)));
  sql.insert(sql.end(), triggers.begin(), triggers.end());
  sql.insert(sql.end(), grants.begin(), grants.end());
  return absl::StrCat("-- DataJoin's tables, and triggers that note changed rows for its outbox.\nBEGIN;\n",
                      absl::StrJoin(sql, ";\n"), ";\nCOMMIT;\n");
}

/// One row: the access rights of a role, of the database and of one schema.
constexpr char kGrantedInPostgres[] =
    "SELECT r.rolname, current_database(), r.rolsuper, r.rolreplication, "
    "EXISTS (SELECT FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace, "
    "aclexplode(d.defaclacl) a WHERE n.nspname = $1 AND d.defaclobjtype = 'r' AND a.grantee = r.oid), "
    "EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a "
    "WHERE n.nspname = $1 AND c.relkind <> 'S' AND c.relowner <> r.oid AND a.grantee = r.oid), "
    "EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a "
    "WHERE n.nspname = $1 AND c.relkind = 'S' AND c.relowner <> r.oid AND a.grantee = r.oid), "
    "EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a "
    "WHERE n.nspname = $1 AND n.nspowner <> r.oid AND a.grantee = r.oid), "
    "EXISTS (SELECT FROM pg_database d, aclexplode(d.datacl) a "
    "WHERE d.datname = current_database() AND d.datdba <> r.oid AND a.grantee = r.oid) "
    "FROM pg_roles r WHERE r.rolname = current_user";

}  // namespace

absl::StatusOr<std::unique_ptr<SourceLog>> OpenPostgresLog(const SourceConfig& source, const LogUser& user,
                                                           KeptLog* kept, const std::atomic<bool>* stop) {
  // Without a state folder the caller reads no log.
  if (user.state_dir.empty()) return nullptr;
  std::shared_ptr<PostgresStaging> staging;
  if (kept != nullptr) staging = std::dynamic_pointer_cast<PostgresStaging>(kept->keeper);
  if (staging == nullptr) {
    ASSIGN_OR_RETURN(staging, PostgresStaging::Open(StagingOf(source, user)));
  }
  PostgresLogOptions options;
  options.schema = source.server.schema;
  options.snapshot_wait_ms = source.server.snapshot_wait_ms;
  options.source_id = user.source_id;
  options.stop = stop;
  options.exchange = source.accept.any();
  options.turns = [tables = source.tables](const std::string& table, const std::string& column) {
    return std::any_of(tables.begin(), tables.end(), [&](const TableConfig& one) {
      return SameName(one.name, table) && one.steps.TurnOf(column).rule != Rule::kPlain;
    });
  };
  ASSIGN_OR_RETURN(std::unique_ptr<PostgresLog> log, PostgresLog::Open(staging, options));
  // Stops the staging of a log that is no longer installed.
  if (kept != nullptr) kept->keeper = log != nullptr ? std::move(staging) : nullptr;
  return std::unique_ptr<SourceLog>(std::move(log));
}

absl::StatusOr<InstalledLog> InstallPostgresLog(const SourceConfig& source, const LogUser& user,
                                                const std::vector<std::string>& tables) {
  ASSIGN_OR_RETURN(const std::unique_ptr<postgres::Connection> connection, OpenToChange(source));
  std::vector<std::string> logged = tables;
  ASSIGN_OR_RETURN(std::string exchange, MakeExchange(*connection, source, &logged));
  ASSIGN_OR_RETURN(LogWish log, WishFor(*connection, source, user, logged));
  const std::map<std::string, std::string> unlogged = WhyUnlogged(log.wish.tables);
  std::string words =
      absl::StrCat("the changes of ",
                   Counted(log.wish.tables.size() - unlogged.size() - (exchange.empty() ? 0 : 1), "table"),
                   " are logged", exchange);
  if (!unlogged.empty()) {
    absl::StrAppend(&words, ". The changes of other tables are found by comparing: ",
                    absl::StrJoin(unlogged, ", ", [](std::string* text, const auto& one) {
                      absl::StrAppend(text, one.first, " (", one.second, ")");
                    }));
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> done, InstallPublication(*connection, log.wish));
  // After the publication: it must exist at the slot's position in the log.
  RETURN_IF_ERROR(MakeSlot(*connection, SlotOf(source), &words));
  ASSIGN_OR_RETURN(const std::string boxes, MakeBoxes(*connection, source, log.wish.tables));
  words += boxes;
  return InstalledLog{log.wish.source_id, std::move(words)};
}

absl::StatusOr<std::string> PrintPostgresInstall(const SourceConfig& source, const LogUser& user,
                                                 const std::vector<std::string>& tables) {
  ASSIGN_OR_RETURN(const std::unique_ptr<postgres::Connection> connection,
                   postgres::Connection::Open(ConnectToSource(PostgresAccessOf(source))));
  ASSIGN_OR_RETURN(const LogWish log, WishFor(*connection, source, user, tables));
  ASSIGN_OR_RETURN(
      const postgres::Rows role,
      connection->Query(
          "SELECT current_user::text, rolsuper OR rolreplication OR coalesce((SELECT pg_has_role(g.oid, "
          "'USAGE') FROM pg_roles g WHERE g.rolname = 'rds_replication'), false), "
          "current_setting('wal_level') FROM pg_roles WHERE rolname = current_user",
          {}, "asking for the role"));
  if (role.rows() == 0) return absl::NotFoundError("the role of this connection no longer exists");
  absl::StatusOr<std::string> script = InstallScript(
      log.wish, log.now, {source.server.schema, role.Text(0, 0), role.Bool(0, 1), role.Text(0, 2)});
  if (!script.ok()) return script;
  if (!source.accept.any()) return absl::StrCat(*script, kScriptEnd);
  const absl::StatusOr<std::string> exchange =
      PostgresExchangeScript(*connection,
                             {source.server.schema, role.Text(0, 0), PublicationOf(source),
                              source.accept.inserts, source.accept.deletes},
                             source.accept.tables, log.wish.tables);
  if (!exchange.ok()) return exchange;
  const absl::StatusOr<std::string> boxes = PrintBoxes(*connection, source, log.wish.tables, role.Text(0, 0));
  if (!boxes.ok()) return boxes;
  return absl::StrCat(*script, *exchange, *boxes, kScriptEnd);
}

absl::StatusOr<std::map<std::string, std::string>> FindUnloggedInPostgres(const SourceConfig& source) {
  ASSIGN_OR_RETURN(const std::unique_ptr<postgres::Connection> connection,
                   postgres::Connection::Open(ConnectToSource(PostgresAccessOf(source))));
  ASSIGN_OR_RETURN(const std::optional<PublicationFacts> publication,
                   ReadPublication(*connection, PublicationOf(source)));
  if (!publication) return std::map<std::string, std::string>();
  ASSIGN_OR_RETURN(const std::vector<PostgresTable> known, ReadTables(*connection, source.server.schema));
  return WhyUnlogged(known);
}

absl::StatusOr<bool> UninstallPostgresLog(const SourceConfig& source, const LogUser& user) {
  ASSIGN_OR_RETURN(const std::unique_ptr<postgres::Connection> connection, OpenToChange(source));
  ASSIGN_OR_RETURN(const std::optional<PublicationFacts> publication,
                   ReadPublication(*connection, PublicationOf(source)));
  ASSIGN_OR_RETURN(const SlotLook look, LookAtSlot(*connection, SlotOf(source)));
  const auto drop_exchange = [&]() -> absl::StatusOr<bool> {
    if (!source.accept.any()) return false;
    return DropPostgresExchange(*connection, source.server.schema);
  };
  if (!publication && !look.slot) return drop_exchange();
  RETURN_IF_ERROR(UninstallPublication(*connection, SlotOf(source), PublicationOf(source),
                                       user.takes_over ? "" : user.source_id,
                                       PostgresAccessOf(source).application_name));
  if (const auto exchange = drop_exchange(); !exchange.ok()) return exchange.status();
  // The staged changes were of the removed log.
  RemoveStage(source, user);
  return true;
}

absl::StatusOr<std::string> FindExchangeInPostgres(const SourceConfig& source) {
  ASSIGN_OR_RETURN(const std::unique_ptr<postgres::Connection> connection,
                   postgres::Connection::Open(ConnectToSource(PostgresAccessOf(source))));
  return PostgresExchangeDrop(*connection, source.server.schema);
}

absl::StatusOr<std::string> RevokeInPostgres(const SourceConfig& source) {
  const absl::StatusOr<std::unique_ptr<postgres::Connection>> connection =
      postgres::Connection::Open(ConnectToSource(PostgresAccessOf(source)));
  if (!connection.ok()) return std::string();
  const absl::StatusOr<postgres::Rows> rows =
      (*connection)
          ->Query(kGrantedInPostgres, {source.server.schema}, "asking for the rights that were granted");
  if (!rows.ok() || rows->rows() == 0 || rows->Bool(0, 2)) return std::string();
  const absl::StatusOr<std::string> role = postgres::QuotedName(rows->Text(0, 0));
  const absl::StatusOr<std::string> database = postgres::QuotedName(rows->Text(0, 1));
  const absl::StatusOr<std::string> schema = postgres::QuotedName(source.server.schema);
  for (const auto* const name : {&role, &database, &schema}) {
    if (!name->ok()) return *name;
  }
  const std::pair<bool, std::string> parts[] = {
      {rows->Bool(0, 4),
       absl::StrCat("ALTER DEFAULT PRIVILEGES IN SCHEMA ", *schema, " REVOKE ALL ON TABLES FROM ", *role)},
      {rows->Bool(0, 5), absl::StrCat("REVOKE ALL ON ALL TABLES IN SCHEMA ", *schema, " FROM ", *role)},
      {rows->Bool(0, 6), absl::StrCat("REVOKE ALL ON ALL SEQUENCES IN SCHEMA ", *schema, " FROM ", *role)},
      {rows->Bool(0, 7), absl::StrCat("REVOKE ALL ON SCHEMA ", *schema, " FROM ", *role)},
      {rows->Bool(0, 8), absl::StrCat("REVOKE ALL ON DATABASE ", *database, " FROM ", *role)},
      {rows->Bool(0, 3), absl::StrCat("ALTER ROLE ", *role, " NOREPLICATION")}};
  std::vector<std::string> sql;
  for (const auto& [is_granted, statement] : parts) {
    if (is_granted) sql.push_back(statement);
  }
  return absl::StrJoin(sql, "; ");
}

}  // namespace mirror
