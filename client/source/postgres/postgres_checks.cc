#include "client/source/postgres/postgres_checks.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/target.h"
#include "base/human_text.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

constexpr std::int64_t kOldestChecked = 140'000;
constexpr std::size_t kTablesNamed = 10;
constexpr std::size_t kTablesGranted = 5;

/// Result of the first query.
constexpr char kCheckSession[] =
    "SELECT current_setting('server_version_num')::int8, current_setting('server_version'), "
    "current_user::text, current_database()::text, pg_is_in_recovery(), r.rolsuper, "
    "r.rolsuper OR r.rolreplication OR coalesce((SELECT pg_has_role(g.oid, 'USAGE') FROM pg_roles g "
    "WHERE g.rolname = 'rds_replication'), false) FROM pg_roles r WHERE r.rolname = current_user";

/// The transport. A local socket and loopback need no TLS.
constexpr char kCheckLine[] =
    "SELECT coalesce(s.ssl, false), coalesce(s.version, ''), coalesce(g.encrypted, false), "
    "inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8'::inet OR "
    "inet_server_addr() = '::1'::inet FROM (SELECT pg_backend_pid() AS pid) me "
    "LEFT JOIN pg_stat_ssl s ON s.pid = me.pid LEFT JOIN pg_stat_gssapi g ON g.pid = me.pid";

absl::StatusOr<std::unique_ptr<postgres::Connection>> OpenToCheck(const PostgresAccess& access) {
  postgres::ConnectAs as;
  as.conninfo = access.dsn;
  as.passfile = access.password_file;
  as.application_name = access.application_name;
  as.answer_within = kPostgresCheckWithin;
  as.settings = {{"default_transaction_read_only", "on"}, {"lock_timeout", "2000"}, {"jit", "off"}};
  return postgres::Connection::Open(as);
}

std::string CheckedParameter(const std::string& dsn, std::string_view keyword) {
  const absl::StatusOr<postgres::Parameters> parameters = postgres::ReadConninfo(dsn);
  const std::string* const value = parameters.ok() ? postgres::FindParameter(*parameters, keyword) : nullptr;
  return value == nullptr ? "" : *value;
}

void CheckLine(const PostgresCheckLook& look, const std::string& dsn) {
  constexpr char kStep[] = "TLS";
  const auto rows = look.connection.Query(kCheckLine, {}, "asking how it is reached");
  if (!rows.ok()) return look.findings.CannotAsk(kStep, rows.status());
  const bool is_tls = rows->Bool(0, 0), is_gss = rows->Bool(0, 2), is_here = rows->Bool(0, 3);
  const std::string mode = CheckedParameter(dsn, "sslmode");
  if (is_tls && mode == "verify-full") {
    return look.findings.Ok(kStep, absl::StrCat(rows->Text(0, 1), ", and the server's name is verified"));
  }
  if (is_gss) return look.findings.Ok(kStep, "encrypted by GSSAPI");
  if (is_here) return look.findings.Ok(kStep, "not needed: the server is on this machine");
  if (is_tls) {
    return look.findings.Warn(
        kStep,
        absl::StrCat(rows->Text(0, 1), ", but with sslmode=", mode.empty() ? "prefer" : mode,
                     " any server that answers is trusted"),
        "add sslmode=verify-full to 'dsn', and sslrootcert=FILE if the system does not know the authority "
        "that signed the server's certificate");
  }
  look.findings.Warn(kStep, "none: rows cross the network unencrypted",
                     "give the server ssl = on and a certificate, and add sslmode=verify-full to 'dsn'");
}

/// False: the server is too old to be read.
bool CheckVersion(const PostgresCheckLook& look, const std::string& version) {
  if (look.version >= kOldestChecked) {
    look.findings.Ok("version", absl::StrCat("PostgreSQL ", version));
    return true;
  }
  look.findings.Fail("version",
                     absl::StrCat("PostgreSQL ", version, ", but 14 is the oldest that can be read"),
                     "upgrade the server");
  return false;
}

/// False: nothing in the schema can be read.
bool CheckSchemaRight(const PostgresCheckLook& look, const std::string& schema) {
  constexpr char kStep[] = "right USAGE";
  const auto rows =
      look.connection.Query("SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1",
                            {postgres::Value(schema)}, "asking for the schema");
  if (!rows.ok()) {
    look.findings.CannotAsk(kStep, rows.status());
  } else if (rows->rows() == 0) {
    look.findings.Fail("schema", absl::StrCat("the database has no schema '", schema, "'"),
                       "correct 'schemas' or the dbname in 'dsn'");
  } else if (!rows->Bool(0, 0)) {
    look.findings.Fail(kStep,
                       absl::StrCat("the role '", look.role, "' may not use the schema '", schema, "'"),
                       absl::StrCat("GRANT USAGE ON SCHEMA ", SqlName(schema), " TO ", SqlName(look.role)));
  } else {
    look.findings.Ok(kStep, absl::StrCat("on schema '", schema, "'"));
    return true;
  }
  return false;
}

absl::Status ReadChosenTables(const PostgresCheckOptions& options, PostgresCheckLook* look) {
  const PostgresTableQueries queries(options.schema);
  postgres::Pipeline pipeline(look->connection);
  queries.Queue(pipeline);
  ASSIGN_OR_RETURN(const std::vector<postgres::Rows> rows, pipeline.Run());
  ASSIGN_OR_RETURN(std::vector<PostgresTable> all, queries.Take(rows));
  look->tables = TakeChosen(options.choice, std::move(all));
  return absl::OkStatus();
}

bool MayReadAll(const PostgresTable& table) {
  return std::all_of(table.columns.begin(), table.columns.end(),
                     [](const PostgresColumn& column) { return column.readable; });
}

bool HidesRowsOf(const PostgresTable& table) {
  return table.hides_rows || std::any_of(table.leaves.begin(), table.leaves.end(),
                                         [](const PostgresLeaf& leaf) { return leaf.hides_rows; });
}

void CheckTableRights(const PostgresCheckLook& look, const std::string& schema) {
  constexpr char kStep[] = "right SELECT";
  std::vector<std::string> refused, quoted;
  for (const PostgresTable& table : look.tables) {
    if (MayReadAll(table)) continue;
    refused.push_back(table.name);
    quoted.push_back(table.quoted);
  }
  if (refused.empty()) {
    return look.findings.Ok(kStep, absl::StrCat("on ", Counted(look.tables.size(), "table")));
  }
  const std::string on = quoted.size() > kTablesGranted
                             ? absl::StrCat("ALL TABLES IN SCHEMA ", SqlName(schema))
                             : absl::StrJoin(quoted, ", ");
  look.findings.Fail(
      kStep,
      absl::StrCat("the role '", look.role, "' may not read ", Counted(refused.size(), "table"), ": ",
                   ListNames(refused, kTablesNamed)),
      absl::StrCat("GRANT SELECT ON ", on, " TO ", SqlName(look.role), ", or leave them out with 'skip'"));
}

void CheckRowSecurity(const PostgresCheckLook& look) {
  std::vector<std::string> hidden;
  for (const PostgresTable& table : look.tables) {
    if (HidesRowsOf(table)) hidden.push_back(table.name);
  }
  if (hidden.empty()) return;
  look.findings.Fail("row security",
                     absl::StrCat("policies decide which rows the role '", look.role, "' sees of ",
                                  ListNames(hidden, kTablesNamed), ": reading such tables fails"),
                     absl::StrCat("ALTER ROLE ", SqlName(look.role),
                                  " BYPASSRLS (as a superuser), or leave them out with 'skip'"));
}

void CheckColumns(const PostgresCheckLook& look) {
  std::vector<std::string> generated;
  for (const PostgresTable& table : look.tables) {
    for (const std::string& column : table.generated)
      generated.push_back(absl::StrCat(table.name, ".", column));
  }
  if (generated.empty()) return;
  look.findings.Ok("generated columns", absl::StrCat("left out, since PostgreSQL computes them: ",
                                                     ListNames(generated, kTablesNamed)));
}

/// Checks the chosen tables, if the schema could be read.
void CheckTables(const PostgresCheckOptions& options, PostgresCheckLook* look) {
  if (const absl::Status read = ReadChosenTables(options, look); !read.ok())
    return look->findings.CannotAsk("tables", read);
  if (look->tables.empty()) {
    return look->findings.Warn("tables", absl::StrCat("no table of schema '", options.schema, "' is chosen"),
                               "correct 'schemas', 'include' and 'skip'");
  }
  CheckTableRights(*look, options.schema);
  CheckRowSecurity(*look);
  CheckColumns(*look);
  if (options.then) options.then(*look);
}

}  // namespace

std::string SqlName(const std::string& name) {
  const absl::StatusOr<std::string> quoted = postgres::QuotedName(name);
  return quoted.ok() ? *quoted : name;
}

SourceFindings CheckPostgresSource(const PostgresCheckOptions& options) {
  SourceFindings findings;
  const absl::StatusOr<std::unique_ptr<postgres::Connection>> opened = OpenToCheck(options.access);
  if (!opened.ok()) {
    // The message says what to do about the role, its password or its right to connect.
    findings.Fail("reach", std::string(opened.status().message()), "correct that, then run this again");
    return findings;
  }
  const auto rows = (*opened)->Query(kCheckSession, {}, "asking for the role and the database");
  if (!rows.ok() || rows->rows() == 0) {
    findings.CannotAsk("reach", rows.ok() ? absl::NotFoundError("the role no longer exists") : rows.status());
    return findings;
  }
  PostgresCheckLook look = {.connection = **opened,
                            .version = rows->Int(0, 0),
                            .role = rows->Text(0, 2),
                            .may_replicate = rows->Bool(0, 6),
                            .is_standby = rows->Bool(0, 4),
                            .tables = {},
                            .findings = findings};
  findings.Ok("reach", absl::StrCat("database '", rows->Text(0, 3), "' as the role '", look.role, "'",
                                    rows->Bool(0, 5) ? ", a superuser, which is not needed" : ""));
  findings.Ok("right LOGIN", "the role has it");
  findings.Ok("right CONNECT", absl::StrCat("on database '", rows->Text(0, 3), "'"));
  CheckLine(look, options.access.dsn);
  if (CheckVersion(look, rows->Text(0, 1)) && CheckSchemaRight(look, options.schema))
    CheckTables(options, &look);
  return findings;
}

}  // namespace mirror
