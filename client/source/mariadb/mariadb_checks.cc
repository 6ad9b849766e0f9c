#include "client/source/mariadb/mariadb_checks.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/db/mariadb/failure.h"
#include "base/db/mariadb/name.h"
#include "base/human_text.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::uint32_t kOldestMariadb = 100'500;
constexpr std::size_t kMariadbTablesNamed = 10, kMariadbTablesGranted = 5;

bool IsOfThisMachine(const mariadb::Dsn& dsn) {
  return dsn.hosts.empty() || std::all_of(dsn.hosts.begin(), dsn.hosts.end(), [](const auto& host) {
           return host.first == "localhost" || host.first == "127.0.0.1" || host.first == "::1";
         });
}

void CheckMariadbLine(const MariadbCheckLook& look) {
  constexpr char kStep[] = "TLS";
  const std::string cipher = look.connection.cipher();
  const mariadb::Dsn& dsn = look.connection.dsn();
  if (!cipher.empty() && dsn.tls == mariadb::Tls::kVerify)
    return look.findings.Ok(kStep, absl::StrCat(cipher, ", and the server's certificate is verified"));
  if (IsOfThisMachine(dsn)) return look.findings.Ok(kStep, "not needed: the server is on this machine");
  if (!cipher.empty()) {
    return look.findings.Warn(
        kStep, absl::StrCat(cipher, ", but with tls=on any server that answers is trusted"),
        "set tls=verify in 'dsn', and tls_ca=FILE if the system does not know the authority that signed the "
        "server's certificate");
  }
  look.findings.Warn(kStep, "none: rows cross the network unencrypted",
                     "give the server a certificate (ssl_cert, ssl_key), and set tls=verify in 'dsn'");
}

/// False: the server is too old to be read.
bool CheckMariadbVersion(const MariadbCheckLook& look) {
  const std::uint32_t version = look.connection.server_version();
  const std::string words =
      absl::StrCat("MariaDB ", version / 10'000, ".", version / 100 % 100, ".", version % 100);
  if (version >= kOldestMariadb) {
    look.findings.Ok("version", words);
    return true;
  }
  look.findings.Fail("version", absl::StrCat(words, ", but 10.5 is the oldest that can be read"),
                     "upgrade the server");
  return false;
}

/// Trailing columns that the user may not read are not visible at all.
bool MayReadAll(const MariadbCheckLook& look, const MariadbTable& table) {
  const bool has_shown = std::all_of(table.columns.begin(), table.columns.end(),
                                     [](const MariadbColumn& column) { return column.readable; });
  if (table.has_gaps || !has_shown) return false;
  const absl::Status read = look.connection.Execute(absl::StrCat("SELECT * FROM ", table.quoted, " LIMIT 0"));
  return read.ok() || mariadb::TroubleOf(read) != mariadb::Trouble::kDenied;
}

/// If 'include' names each table, none can be missed.
bool ChoosesByName(const TableChoice& choice) {
  return std::none_of(choice.include.begin(), choice.include.end(),
                      [](const std::string& pattern) { return absl::StrContains(pattern, '*'); });
}

void CheckUnseenMariadb(const MariadbCheckLook& look, const std::vector<MariadbTable>& seen) {
  constexpr char kStep[] = "unseen tables";
  const absl::StatusOr<std::string> unseen = UnseenMariadbTables(look.connection, seen);
  if (!unseen.ok()) return look.findings.CannotAsk(kStep, unseen.status());
  if (unseen->empty()) return;
  const absl::StatusOr<std::string> database = mariadb::QuotedName(look.connection.dsn().database);
  look.findings.Warn(kStep, *unseen,
                     absl::StrCat("GRANT SELECT ON ", database.value_or("the database"), ".* TO ",
                                  look.grantee, ", or name the tables that are to be mirrored in 'include'"));
}

void CheckMariadbRights(const MariadbCheckLook& look) {
  constexpr char kStep[] = "right SELECT";
  std::vector<std::string> refused, quoted;
  for (const MariadbTable& table : look.tables) {
    if (MayReadAll(look, table)) continue;
    refused.push_back(table.name);
    quoted.push_back(absl::StrCat("GRANT SELECT ON ", table.quoted, " TO ", look.grantee));
  }
  if (refused.empty()) {
    return look.findings.Ok(kStep, absl::StrCat("on ", Counted(look.tables.size(), "table")));
  }
  if (quoted.size() > kMariadbTablesGranted) {
    quoted = {absl::StrCat("GRANT SELECT ON ", look.connection.dsn().database, ".* TO ", look.grantee)};
  }
  look.findings.Fail(kStep,
                     absl::StrCat("the user may not read all of ", Counted(refused.size(), "table"), ": ",
                                  ListNames(refused, kMariadbTablesNamed)),
                     absl::StrCat(absl::StrJoin(quoted, "; "), ", or leave them out with 'skip'"));
}

void CheckMariadbKinds(const MariadbCheckLook& look) {
  std::vector<std::string> generated, locked;
  for (const MariadbTable& table : look.tables) {
    for (const std::string& column : table.generated)
      generated.push_back(absl::StrCat(table.name, ".", column));
    if (!table.HasSnapshots()) locked.push_back(absl::StrCat(table.name, " (", table.engine, ")"));
  }
  if (!generated.empty()) {
    look.findings.Ok("generated columns", absl::StrCat("left out, since MariaDB computes them: ",
                                                       ListNames(generated, kMariadbTablesNamed)));
  }
  if (locked.empty()) return;
  look.findings.Warn("engines",
                     absl::StrCat("writers wait while these are read, since their engines have no "
                                  "snapshots: ",
                                  ListNames(locked, kMariadbTablesNamed)),
                     "ALTER TABLE … ENGINE = InnoDB, or leave them out with 'skip'");
}

void CheckMariadbTables(const MariadbCheckOptions& options, MariadbCheckLook* look) {
  absl::StatusOr<std::vector<MariadbTable>> all = ReadMariadbTables(look->connection);
  if (!all.ok()) return look->findings.CannotAsk("tables", all.status());
  if (!all->empty() && !ChoosesByName(options.choice)) CheckUnseenMariadb(*look, *all);
  look->tables = TakeChosen(options.choice, *std::move(all));
  if (look->tables.empty()) {
    return look->findings.Warn(
        "tables", "no table that the user may see is chosen",
        absl::StrCat("GRANT SELECT ON ", look->connection.dsn().database, ".* TO ", look->grantee,
                     ", or correct dbname in 'dsn', 'include' and 'skip'"));
  }
  CheckMariadbRights(*look);
  CheckMariadbKinds(*look);
  if (options.then) options.then(*look);
}

}  // namespace

absl::StatusOr<std::set<std::string>> ReadMariadbGlobalRights(mariadb::Connection& connection) {
  constexpr absl::string_view kGrant = "GRANT ";
  ASSIGN_OR_RETURN(const mariadb::Rows rows, connection.Query("SHOW GRANTS", "asking for the user's rights"));
  std::set<std::string> rights;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const std::string grant = rows.Text(i, 0);
    const std::size_t end = grant.find(" ON *.* ");
    if (end == std::string::npos || !absl::StartsWith(grant, kGrant)) continue;
    for (const absl::string_view right :
         absl::StrSplit(absl::string_view(grant).substr(kGrant.size(), end - kGrant.size()), ", "))
      rights.emplace(right);
  }
  return rights;
}

absl::StatusOr<std::string> UnseenMariadbTables(mariadb::Connection& connection,
                                                const std::vector<MariadbTable>& seen) {
  constexpr char kDoing[] = "asking for tables that the user may not see";
  const std::string database = connection.dsn().database;
  const absl::StatusOr<std::string> none = mariadb::QuotedName(database, "_mirror_any_table");
  if (!none.ok()) return none;
  // Only for a user who may read every table MariaDB reports that this one does not exist.
  const absl::Status read = connection.Execute(absl::StrCat("SELECT 1 FROM ", *none, " LIMIT 0"), kDoing);
  if (mariadb::TroubleOf(read) != mariadb::Trouble::kDenied) return std::string();
  ASSIGN_OR_RETURN(const mariadb::Rows keys,
                   connection.Query("SELECT DISTINCT REFERENCED_TABLE_NAME FROM "
                                    "information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = "
                                    "DATABASE() AND REFERENCED_TABLE_SCHEMA = DATABASE() ORDER BY 1",
                                    kDoing));
  std::vector<std::string> named;
  for (std::size_t row = 0; row < keys.rows(); ++row) {
    const std::string name = keys.Text(row, 0);
    const bool is_seen =
        std::any_of(seen.begin(), seen.end(), [&](const MariadbTable& table) { return table.name == name; });
    if (!is_seen) named.push_back(name);
  }
  return absl::StrCat(
      "the user has SELECT on ", seen.size() == 1 ? "one table" : "single tables", " of database '", database,
      "' (", Counted(seen.size(), "table"),
      "), and MariaDB hides the others from this user: they are not mirrored",
      named.empty() ? "" : absl::StrCat(". Foreign keys lead to ", ListNames(named, kMariadbTablesNamed)));
}

SourceFindings CheckMariadbSource(const MariadbCheckOptions& options) {
  SourceFindings findings;
  MariadbAccess access = options.access;
  access.catalogs_within = kMariadbCheckWithin;
  MariadbSessions sessions(std::move(access));
  const absl::StatusOr<MariadbSource> place = sessions.Look();
  const absl::StatusOr<MariadbLease> session =
      place.ok() ? sessions.Take(MariadbUse::kCatalogs) : absl::StatusOr<MariadbLease>(place.status());
  if (!session.ok()) {
    // The message says what to do about the user, its password or its right to connect.
    findings.Fail("reach", std::string(session.status().message()), "correct that, then run this again");
    return findings;
  }
  MariadbCheckLook look = {
      .connection = **session, .grantee = place->grantee, .tables = {}, .findings = findings};
  findings.Ok("reach", absl::StrCat((*session)->dsn().Name(), ", as ", place->grantee));
  CheckMariadbLine(look);
  if (CheckMariadbVersion(look)) CheckMariadbTables(options, &look);
  return findings;
}

}  // namespace mirror
