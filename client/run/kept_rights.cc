#include "client/run/kept_rights.h"

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/mariadb/name.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/name.h"
#include "client/run/source_rules.h"
#include "client/source/mariadb/mariadb_checks.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/postgres/postgres_sessions.h"

namespace mirror {
namespace {

constexpr char kAsking[] = "asking for the rights that were granted";
/// Number of REVOKE statements that are printed one by one.
constexpr std::size_t kRevokesMax = 20;

/// One row: what stands in the access lists of a role, of the database and of one schema.
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

/// One row for each right on the whole server, on this database, and on each of its tables.
constexpr char kGrantedInMariadb[] =
    "SELECT GRANTEE, '', '', PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE <> "
    "'USAGE' UNION ALL SELECT GRANTEE, TABLE_SCHEMA, '', PRIVILEGE_TYPE FROM "
    "information_schema.SCHEMA_PRIVILEGES WHERE DATABASE() LIKE TABLE_SCHEMA UNION ALL SELECT GRANTEE, "
    "TABLE_SCHEMA, TABLE_NAME, PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES WHERE TABLE_SCHEMA = "
    "DATABASE()";

}  // namespace

absl::StatusOr<std::string> RevokeInPostgres(const SourceConfig& source) {
  const absl::StatusOr<std::unique_ptr<postgres::Connection>> connection =
      postgres::Connection::Open(ConnectToSource(PostgresAccessOf(source)));
  if (!connection.ok()) return std::string();
  const absl::StatusOr<postgres::Rows> rows =
      (*connection)->Query(kGrantedInPostgres, {source.server.schema}, kAsking);
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

absl::StatusOr<std::string> RevokeInMariadb(const SourceConfig& source) {
  MariadbSessions sessions(MariadbAccessOf(source));
  const absl::StatusOr<MariadbSource> place = sessions.Look();
  const absl::StatusOr<MariadbLease> session =
      place.ok() ? sessions.Take(MariadbUse::kCatalogs) : absl::StatusOr<MariadbLease>(place.status());
  if (!session.ok()) return std::string();
  const absl::StatusOr<std::set<std::string>> global = ReadMariadbGlobalRights(**session);
  if (!global.ok() || global->contains("ALL PRIVILEGES") || global->contains("SUPER")) return std::string();
  const absl::StatusOr<mariadb::Rows> rows = (*session)->Query(kGrantedInMariadb, kAsking);
  if (!rows.ok()) return std::string();
  // By what they are on.
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> rights;
  for (std::size_t row = 0; row < rows->rows(); ++row) {
    // Some users are shown the rights of others.
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
  // Some hundreds of tables are more than anybody reads.
  if (sql.size() > kRevokesMax)
    sql = {absl::StrCat("REVOKE ALL PRIVILEGES, GRANT OPTION FROM ", place->grantee)};
  return absl::StrJoin(sql, "; ");
}

}  // namespace mirror
