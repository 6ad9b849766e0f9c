#include "server/store/postgres/others_objects.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/own_views.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

/// Kind, name and whose it is. An index of a primary key is no object of its own.
constexpr char kAllObjects[] = R"(
SELECT what, name, of_table FROM (
  SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
      WHEN 'f' THEN 'foreign table' WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'c' THEN 'type'
      ELSE 'table' END AS what, c.relname::text AS name, t.relname::text AS of_table
    FROM ours AS c LEFT JOIN pg_index AS x ON x.indexrelid = c.oid LEFT JOIN ours AS t ON t.oid = x.indrelid
    WHERE c.relkind <> 't' AND x.indisprimary IS NOT TRUE AND c.oid NOT IN (SELECT oid FROM own)
  UNION ALL SELECT 'trigger', g.tgname::text, t.relname::text FROM pg_trigger AS g JOIN ours AS t
    ON t.oid = g.tgrelid WHERE NOT g.tgisinternal
  UNION ALL SELECT 'constraint', k.conname::text, t.relname::text FROM pg_constraint AS k JOIN ours AS t
    ON t.oid = k.conrelid WHERE k.contype IN ('c', 'f', 'x')
  UNION ALL SELECT 'policy', p.polname::text, t.relname::text FROM pg_policy AS p JOIN ours AS t
    ON t.oid = p.polrelid
  UNION ALL SELECT 'row security', '', relname::text FROM ours WHERE relrowsecurity OR relforcerowsecurity
  UNION ALL SELECT 'publication', p.pubname::text, t.relname::text FROM pg_publication_rel AS r
    JOIN pg_publication AS p ON p.oid = r.prpubid JOIN ours AS t ON t.oid = r.prrelid
  UNION ALL SELECT 'publication', p.pubname::text, NULL FROM pg_publication_namespace AS r
    JOIN pg_publication AS p ON p.oid = r.pnpubid WHERE r.pnnspid = to_regnamespace($1)
  UNION ALL SELECT 'statistics', s.stxname::text, t.relname::text FROM pg_statistic_ext AS s JOIN ours AS t
    ON t.oid = s.stxrelid
  UNION ALL SELECT CASE WHEN a.attname IS NULL THEN 'comment' ELSE 'comment of column' END,
      coalesce(a.attname::text, ''), t.relname::text
    FROM pg_description AS d JOIN ours AS t ON t.oid = d.objoid
    LEFT JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE d.classoid = 'pg_class'::regclass
  UNION ALL SELECT 'function', proname::text, NULL FROM pg_proc WHERE pronamespace = to_regnamespace($1)
  UNION ALL SELECT DISTINCT 'view', format('%s.%s', n.nspname, v.relname), t.relname::text FROM pg_depend AS d
    JOIN ours AS t ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid
    JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_class AS v ON v.oid = r.ev_class AND v.relnamespace <> t.relnamespace
    JOIN pg_namespace AS n ON n.oid = v.relnamespace
  UNION ALL SELECT DISTINCT 'rights of role', CASE a.grantee WHEN 0 THEN 'PUBLIC'
      ELSE pg_get_userbyid(a.grantee)::text END, NULL FROM (
        SELECT nspowner AS owner, nspacl AS acl FROM pg_namespace WHERE oid = to_regnamespace($1)
        UNION ALL SELECT relowner, relacl FROM ours) AS granted, LATERAL aclexplode(granted.acl) AS a
    WHERE a.grantee <> granted.owner
) AS objects ORDER BY what, name, of_table)";

}  // namespace

absl::StatusOr<std::vector<std::string>> FindOthersObjects(postgres::Connection& connection,
                                                           const std::string& context_id,
                                                           const PostgresOwnTables& names,
                                                           const std::set<std::string>& tables) {
  const auto rows = connection.Query(
      absl::StrCat("WITH ours AS (SELECT * FROM pg_class WHERE relnamespace = to_regnamespace($1)), own AS (",
                   OwnViewsSql("to_regnamespace($1)"), ")", kAllObjects),
      {names.schema}, "looking for what others made");
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kMirroredTable);
  const std::string metadata = MetadataOf(context_id);
  const auto is_own = [&](const std::string& name) {
    return absl::StartsWith(name, "_mirror_") || name == metadata;
  };
  std::vector<std::string> objects;
  for (int row = 0; row < rows->rows(); ++row) {
    const std::string what = rows->Text(row, 0), name = rows->Text(row, 1), of = rows->Text(row, 2);
    const bool is_mirrored = what == "table" && tables.contains(name);
    const bool of_own = !of.empty() && is_own(of) && !absl::StrContains(name, '.');
    const bool named = what != "rights of role" && what != "function";
    if (is_mirrored || of_own || (named && is_own(name))) continue;
    objects.push_back(absl::StrCat(what, name.empty() ? "" : absl::StrCat(" '", name, "'"),
                                   of.empty() ? "" : absl::StrCat(" of '", of, "'")));
  }
  return objects;
}

}  // namespace mirror
