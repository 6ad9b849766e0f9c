
#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/name.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "client/exchange/mariadb_exchange_tables.h"
#include "client/run/log_kinds.h"
#include "client/run/source_rules.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_checks.h"
#include "client/source/mariadb/mariadb_log.h"
#include "client/source/mariadb/mariadb_log_facts.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/mariadb/mariadb_staging.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

absl::StatusOr<std::shared_ptr<MariadbStaging>> OpenStaging(const SourceConfig& source, const LogUser& user) {
  MariadbStagingOptions options;
  options.access = MariadbAccessOf(source);
  options.server_id = ServerIdOf(source);
  options.stage = StageOptionsOf(source, user);
  return MariadbStaging::Open(std::move(options));
}

MariadbLogOptions LogOptionsOf(const SourceConfig& source, const LogUser& user,
                               const std::atomic<bool>* stop) {
  MariadbLogOptions options;
  if (!user.is_new) options.source_id = user.source_id;
  options.context_id = source.context_id;
  options.stop = stop;
  options.exchange = source.accept.any();
  return options;
}

/// Reads the tables of `names`.
absl::StatusOr<std::vector<MariadbTable>> ReadTables(mariadb::Connection& connection,
                                                     const std::vector<std::string>& names) {
  absl::StatusOr<std::vector<MariadbTable>> tables = ReadMariadbTables(connection);
  if (!tables.ok()) return tables;
  std::erase_if(*tables, [&names](const MariadbTable& table) {
    return std::find(names.begin(), names.end(), table.name) == names.end();
  });
  return tables;
}

/// Returns a sentence for people, to follow others: the user may not see all tables. Empty: it does.
absl::StatusOr<std::string> FindUnseen(MariadbSessions& sessions) {
  ASSIGN_OR_RETURN(const MariadbLease session, sessions.Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(const std::vector<MariadbTable> tables, ReadMariadbTables(*session));
  const absl::StatusOr<std::string> unseen = UnseenMariadbTables(*session, tables);
  if (!unseen.ok() || unseen->empty()) return unseen;
  return absl::StrCat(". To know: ", *unseen);
}

/// If the source has an exchange, makes its tables. Returns what was done, for people.
absl::StatusOr<std::string> MakeExchange(const SourceConfig& source, const std::vector<std::string>& names) {
  if (!source.accept.any()) return std::string("; nothing was made in the source");
  ASSIGN_OR_RETURN(const auto connection,
                   mariadb::Connection::Open(ConnectToChange(MariadbAccessOf(source))));
  ASSIGN_OR_RETURN(const std::vector<MariadbTable> tables, ReadTables(*connection, names));
  ASSIGN_OR_RETURN(const bool made, MakeMariadbExchange(*connection, RulesOfExchange(source), tables));
  return absl::StrCat(
      "; the exchange's tables _mirror_exchange, _mirror_inbox, _mirror_conflicts and _mirror_ledger ",
      made ? "are made" : "are there");
}

/// Maximum of REVOKE statements that are printed one by one.
constexpr std::size_t kRevokesMax = 20;

/// One row for each right on the whole server, on this database, and on each of its tables.
constexpr char kGrantedInMariadb[] =
    "SELECT GRANTEE, '', '', PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE <> "
    "'USAGE' UNION ALL SELECT GRANTEE, TABLE_SCHEMA, '', PRIVILEGE_TYPE FROM "
    "information_schema.SCHEMA_PRIVILEGES WHERE DATABASE() LIKE TABLE_SCHEMA UNION ALL SELECT GRANTEE, "
    "TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = "
    "DATABASE()";

}  // namespace

absl::StatusOr<std::unique_ptr<SourceLog>> OpenMariadbLog(const SourceConfig& source, const LogUser& user,
                                                          KeptLog* kept, const std::atomic<bool>* stop) {
  // Without a state folder the caller reads no log.
  if (user.state_dir.empty()) return nullptr;
  std::shared_ptr<MariadbStaging> staging;
  if (kept != nullptr) staging = std::dynamic_pointer_cast<MariadbStaging>(kept->keeper);
  if (staging == nullptr) {
    ASSIGN_OR_RETURN(staging, OpenStaging(source, user));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<MariadbLog> log,
                   MariadbLog::Open(staging, LogOptionsOf(source, user, stop)));
  if (kept != nullptr) kept->keeper = std::move(staging);
  return std::unique_ptr<SourceLog>(std::move(log));
}

absl::StatusOr<InstalledLog> InstallMariadbLog(const SourceConfig& source, const LogUser& user,
                                               const std::vector<std::string>& tables) {
  ASSIGN_OR_RETURN(const std::vector<std::string> refusals,
                   MariadbLog::Check(MariadbAccessOf(source), ServerIdOf(source)));
  if (!refusals.empty()) return BinlogRefused(refusals);
  ASSIGN_OR_RETURN(const std::string exchange, MakeExchange(source, tables));
  ASSIGN_OR_RETURN(const std::shared_ptr<MariadbStaging> staging, OpenStaging(source, user));
  ASSIGN_OR_RETURN(const std::unique_ptr<MariadbLog> log,
                   MariadbLog::Open(staging, LogOptionsOf(source, user, nullptr)));
  ASSIGN_OR_RETURN(const auto unlogged, log->Unlogged());
  std::vector<std::string> others;
  std::size_t logged = 0;
  for (const std::string& table : tables) {
    if (table == kLedgerTable) continue;
    ++logged;
    if (const auto why = unlogged.find(table); why != unlogged.end())
      others.push_back(absl::StrCat(table, " (", why->second, ")"));
  }
  std::string words =
      absl::StrCat("the changes of ", Counted(logged - others.size(), "table"),
                   " are read in the server's binlog, as server_id ", ServerIdOf(source), exchange);
  if (!others.empty())
    absl::StrAppend(&words,
                    ". The changes of other tables are found by comparing: ", absl::StrJoin(others, ", "));
  ASSIGN_OR_RETURN(const std::string unseen, FindUnseen(*staging->sessions()));
  absl::StrAppend(&words, unseen);
  return InstalledLog{log->source_id(), std::move(words)};
}

absl::StatusOr<std::string> PrintMariadbInstall(const SourceConfig& source, const LogUser& /*user*/,
                                                const std::vector<std::string>& tables) {
  if (!source.accept.any()) {
    return absl::UnimplementedError(
        "a source of kind \"mariadb\" without 'accept' needs no script: nothing is made there, and "
        "'mirror-agent install' says which rights its user lacks");
  }
  MariadbSessions sessions(MariadbAccessOf(source));
  ASSIGN_OR_RETURN(const MariadbLease session, sessions.Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(const std::vector<MariadbTable> known, ReadTables(*session, tables));
  return MariadbExchangeScript(*session, RulesOfExchange(source), known);
}

absl::StatusOr<std::map<std::string, std::string>> FindUnloggedInMariadb(const SourceConfig& source) {
  MariadbSessions sessions(MariadbAccessOf(source));
  ASSIGN_OR_RETURN(const MariadbLease session, sessions.Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(const std::vector<MariadbTable> tables, ReadMariadbTables(*session));
  return ReadUnlogged(*session, tables);
}

absl::StatusOr<bool> UninstallMariadbLog(const SourceConfig& source, const LogUser& user) {
  absl::StatusOr<bool> dropped = false;
  if (source.accept.any()) {
    ASSIGN_OR_RETURN(const auto connection,
                     mariadb::Connection::Open(ConnectToChange(MariadbAccessOf(source))));
    dropped = DropMariadbExchange(*connection);
  }
  if (!dropped.ok()) return dropped;
  const bool removed = RemoveStage(source, user);
  return *dropped || removed;
}

absl::StatusOr<std::string> FindExchangeInMariadb(const SourceConfig& source) {
  MariadbSessions sessions(MariadbAccessOf(source));
  const absl::StatusOr<MariadbLease> session = sessions.Take(MariadbUse::kCatalogs);
  // The stage is removed even if the server does not exist any more.
  if (!session.ok()) return std::string();
  return MariadbExchangeDrop(**session);
}

absl::StatusOr<std::string> RevokeInMariadb(const SourceConfig& source) {
  MariadbSessions sessions(MariadbAccessOf(source));
  const absl::StatusOr<MariadbSource> place = sessions.Look();
  const absl::StatusOr<MariadbLease> session =
      place.ok() ? sessions.Take(MariadbUse::kCatalogs) : absl::StatusOr<MariadbLease>(place.status());
  if (!session.ok()) return std::string();
  const absl::StatusOr<std::set<std::string>> global = ReadMariadbGlobalRights(**session);
  if (!global.ok() || global->contains("ALL PRIVILEGES") || global->contains("SUPER")) return std::string();
  const absl::StatusOr<mariadb::Rows> rows =
      (*session)->Query(kGrantedInMariadb, "asking for the rights that were granted");
  if (!rows.ok()) return std::string();
  // Rights by the object that they are on.
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> rights;
  for (std::size_t row = 0; row < rows->rows(); ++row) {
    // Some users can see the rights of others.
    if (rows->Text(row, 0) != place->grantee) continue;
    rights[{rows->Text(row, 1), rows->Text(row, 2)}].push_back(rows->Text(row, 3));
  }
  std::vector<std::string> sql;
  for (const auto& [on, granted] : rights) {
    const auto& [database, table] = on;
    const absl::StatusOr<std::string> quoted = database.empty() ? absl::StatusOr<std::string>("*")
                                               : table.empty()  ? mariadb::QuotedName(database)
                                                                : mariadb::QuotedName(database, table);
    if (!quoted.ok()) return quoted;
    sql.push_back(absl::StrCat("REVOKE ", absl::StrJoin(granted, ", "), " ON ", *quoted,
                               table.empty() ? ".*" : "", " FROM ", place->grantee));
  }
  // A list for some hundreds of tables is too long to be read.
  if (sql.size() > kRevokesMax)
    sql = {absl::StrCat("REVOKE ALL PRIVILEGES, GRANT OPTION FROM ", place->grantee)};
  return absl::StrJoin(sql, "; ");
}

}  // namespace mirror
