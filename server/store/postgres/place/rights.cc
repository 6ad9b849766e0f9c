#include "server/store/postgres/place/rights.h"

#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr char kGiving[] = "giving others their rights";

constexpr char kWhom[] = R"(
whom AS (SELECT oid, quote_ident(rolname) AS name FROM pg_roles UNION ALL SELECT 0, 'PUBLIC'),
option (is_grantable, words) AS (VALUES (true, ' WITH GRANT OPTION'), (false, '')))";

/// SQL for the rights on the relation `had` of `pairs`, and on its columns. `had` may be NULL.
constexpr char kOnRelations[] = R"(
  SELECT p.gets, c.relowner, x.grantee, x.privilege_type AS may, x.is_grantable
    FROM pairs AS p JOIN pg_class AS c ON c.oid = p.had CROSS JOIN LATERAL aclexplode(c.relacl) AS x)";
constexpr char kOnColumns[] = R"(
  UNION SELECT p.gets, c.relowner, x.grantee, format('%s (%I)', x.privilege_type, a.attname), x.is_grantable
    FROM pairs AS p JOIN pg_class AS c ON c.oid = p.had JOIN pg_attribute AS a ON a.attrelid = p.had
      JOIN pg_attribute AS b ON b.attrelid = p.gets AND b.attname = a.attname AND NOT b.attisdropped
      CROSS JOIN LATERAL aclexplode(a.attacl) AS x)";
constexpr char kToGive[] = R"(
SELECT sql FROM (
  SELECT 1 AS turn, format('REVOKE ALL ON %s FROM %s', p.gets::regclass, w.name) AS sql
    FROM pairs AS p JOIN pg_class AS c ON c.oid = p.gets CROSS JOIN LATERAL aclexplode(c.relacl) AS x
      JOIN whom AS w ON w.oid = x.grantee AND w.oid <> c.relowner
  UNION SELECT 2, format('GRANT %s ON %s TO %s%s', g.may, g.gets::regclass, w.name, o.words)
    FROM given AS g JOIN pg_class AS c ON c.oid = g.gets JOIN option AS o USING (is_grantable)
      JOIN whom AS w ON w.oid = g.grantee AND w.oid NOT IN (c.relowner, g.relowner)
) AS statements ORDER BY turn, sql)";

enum class Which : std::uint8_t { kAll, kReading };

/// Returns statements that give the relation `gets` the rights that roles have on `had`.
std::string OfRelations(Which which) {
  const char* const these = which == Which::kAll ? "" : " WHERE x.privilege_type = 'SELECT'";
  return absl::StrCat("given AS (", kOnRelations, these, kOnColumns, these, ")", kToGive);
}

constexpr char kOfTheSameName[] = R"(
pairs AS (SELECT CASE WHEN f.relrowsecurity THEN NULL ELSE f.oid END AS had, t.oid AS gets
  FROM pg_class AS f JOIN pg_class AS t USING (relname, relkind, relowner)
  WHERE f.relnamespace = to_regnamespace($1) AND t.relnamespace = to_regnamespace($2)
    AND relkind IN ('r', 'v')),)";

/// Statements for the schema itself, and for tables that are new now or will be made later.
constexpr char kOfSchema[] = R"(
names AS (SELECT to_regnamespace($1) AS had, to_regnamespace($2) AS gets),
defaults AS (
  SELECT d.defaclrole AS role, d.defaclobjtype AS objtype, x.privilege_type AS may, w.name AS whom, o.words
  FROM names JOIN pg_default_acl AS d ON d.defaclnamespace = names.had
    CROSS JOIN LATERAL aclexplode(d.defaclacl) AS x JOIN whom AS w ON w.oid = x.grantee
    JOIN option AS o USING (is_grantable)
  WHERE pg_has_role(d.defaclrole, 'USAGE') AND NOT (d.defaclobjtype = 'r' AND EXISTS (
    SELECT FROM pg_class AS f WHERE f.relnamespace = names.had AND f.relrowsecurity)))
SELECT sql FROM (
  SELECT 1 AS turn, format('REVOKE ALL ON SCHEMA %s FROM %s', $2, w.name) AS sql
    FROM names JOIN pg_namespace AS n ON n.oid = names.gets CROSS JOIN LATERAL aclexplode(n.nspacl) AS x
      JOIN whom AS w ON w.oid = x.grantee AND w.oid <> n.nspowner
  UNION SELECT 2, format('GRANT %s ON SCHEMA %s TO %s%s', x.privilege_type, $2, w.name, o.words)
    FROM names JOIN pg_namespace AS n ON n.oid = names.had JOIN pg_namespace AS t ON t.oid = names.gets
      CROSS JOIN LATERAL aclexplode(n.nspacl) AS x JOIN option AS o USING (is_grantable)
      JOIN whom AS w ON w.oid = x.grantee AND w.oid NOT IN (n.nspowner, t.nspowner)
  UNION SELECT 3, format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %s GRANT %s ON %s TO %s%s', w.name,
      $2, d.may, CASE d.objtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
      ELSE 'TYPES' END, d.whom, d.words)
    FROM defaults AS d JOIN whom AS w ON w.oid = d.role
  UNION SELECT 4, format('GRANT %s ON %s TO %s%s', d.may, c.oid::regclass, d.whom, d.words)
    FROM names JOIN pg_class AS c ON c.relnamespace = names.gets AND c.relkind = 'r'
      JOIN defaults AS d ON d.role = c.relowner AND d.objtype = 'r'
    WHERE c.relname NOT LIKE '\_mirror\_%' AND c.oid <> to_regclass($3) AND NOT EXISTS (
      SELECT FROM pg_class AS f WHERE f.relnamespace = names.had AND f.relname = c.relname)
) AS statements ORDER BY turn, sql)";

absl::Status RunFound(postgres::Connection& connection, const std::string& sql,
                      const std::vector<postgres::Value>& values) {
  const auto rows = connection.Query(sql, values, kGiving);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  std::string statements;
  for (int row = 0; row < rows->rows(); ++row) absl::StrAppend(&statements, rows->Text(row, 0), "; ");
  if (statements.empty()) return absl::OkStatus();
  return ToStoreStatus(connection.Execute(statements, kGiving), TableOwner::kMirroredTable);
}

}  // namespace

absl::Status GiveRights(postgres::Connection& connection, const std::string& from, const std::string& to) {
  return RunFound(connection,
                  absl::StrCat("WITH pairs AS (SELECT to_regclass(nullif($1, ''))::oid AS had, "
                               "$2::text::regclass::oid AS gets),",
                               kWhom, ",", OfRelations(Which::kAll)),
                  {from, to});
}

absl::Status GiveReading(postgres::Connection& connection, const std::string& from, const std::string& to) {
  return RunFound(connection,
                  absl::StrCat("WITH pairs AS (SELECT CASE WHEN NOT relrowsecurity THEN oid END AS had, "
                               "$2::text::regclass::oid AS gets FROM pg_class WHERE oid = "
                               "$1::text::regclass),",
                               kWhom, ",", OfRelations(Which::kReading)),
                  {from, to});
}

absl::Status TakeRights(postgres::Connection& connection, const std::string& relation) {
  return GiveRights(connection, "", relation);
}

absl::StatusOr<std::vector<std::string>> CarryRights(postgres::Connection& connection,
                                                     const std::string& from, const PostgresOwnTables& to) {
  const auto rows = connection.Query(
      "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relrowsecurity ORDER "
      "BY 1",
      {from}, kGiving);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  absl::Status carried =
      RunFound(connection, absl::StrCat("WITH ", kOfTheSameName, kWhom, ",", OfRelations(Which::kAll)),
               {from, to.schema});
  if (carried.ok()) {
    carried =
        RunFound(connection, absl::StrCat("WITH ", kWhom, ",", kOfSchema), {from, to.schema, to.metadata});
  }
  if (!carried.ok()) return carried;
  return rows->Texts(0);
}

}  // namespace mirror
