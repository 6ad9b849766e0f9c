#include "server/store/postgres/tables/dependants.h"

#include "absl/strings/str_cat.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {

absl::StatusOr<std::vector<std::string>> FindDependants(postgres::Connection& connection,
                                                        const PostgresOwnTables& names,
                                                        const std::string& relation,
                                                        const std::string& column) {
  // The mirror's own views are dropped and made with their table.
  const auto rows = connection.Query(
      absl::StrCat(
          "WITH own AS MATERIALIZED (",
          OwnViewsSql("(SELECT relnamespace FROM pg_class WHERE oid = to_regclass($1))"),
          "), of AS (SELECT c.oid, c.reltype, t.typarray FROM pg_class AS c LEFT JOIN pg_type AS t ON t.oid "
          "= "
          "c.reltype WHERE c.oid = to_regclass($1)) SELECT DISTINCT CASE WHEN r.ev_class IS NULL THEN "
          "pg_describe_object(d.classid, d.objid, 0) ELSE pg_describe_object('pg_class'::regclass, "
          "r.ev_class, "
          "0) "
          "END FROM of JOIN pg_depend AS d ON d.deptype = 'n' AND ((d.refclassid = 'pg_class'::regclass AND "
          "d.refobjid = of.oid AND ($2 = '' OR d.refobjsubid = (SELECT attnum FROM pg_attribute WHERE "
          "attrelid = "
          "of.oid AND attname = $2 AND NOT attisdropped))) OR ($2 = '' AND d.refclassid = "
          "'pg_type'::regclass "
          "AND "
          "d.refobjid IN (of.reltype, of.typarray))) LEFT JOIN pg_rewrite AS r ON d.classid = "
          "'pg_rewrite'::regclass AND r.oid = d.objid WHERE coalesce(r.ev_class, 0) <> of.oid AND "
          "coalesce(r.ev_class, 0) NOT IN (SELECT oid FROM own) AND NOT (d.classid "
          "= "
          "'pg_class'::regclass AND d.objid = of.oid) AND NOT (d.classid = 'pg_constraint'::regclass AND "
          "EXISTS "
          "(SELECT 1 FROM pg_constraint WHERE oid = d.objid AND conrelid = of.oid)) AND NOT (d.classid = "
          "'pg_attrdef'::regclass AND EXISTS (SELECT 1 FROM pg_attrdef WHERE oid = d.objid AND adrelid = "
          "of.oid)) "
          "AND NOT (d.classid = 'pg_policy'::regclass AND EXISTS (SELECT 1 FROM pg_policy WHERE oid = "
          "d.objid "
          "AND "
          "polrelid = of.oid)) AND NOT (d.classid = 'pg_trigger'::regclass AND EXISTS (SELECT 1 FROM "
          "pg_trigger "
          "WHERE oid = d.objid AND tgrelid = of.oid)) UNION SELECT pg_describe_object(d.classid, d.objid, 0) "
          "FROM of JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = of.oid AND "
          "d.classid IN "
          "('pg_policy'::regclass, 'pg_publication_rel'::regclass, 'pg_statistic_ext'::regclass) WHERE $2 = "
          "'' "
          "UNION SELECT 'its row security' FROM of JOIN pg_class AS c ON c.oid = of.oid WHERE $2 = '' AND "
          "(c.relrowsecurity OR c.relforcerowsecurity) ORDER BY 1"),
      {Qualified(names.schema_name, relation), column}, "finding what depends on a table");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  std::vector<std::string> dependants;
  for (int row = 0; row < rows->rows(); ++row) dependants.push_back(rows->Text(row, 0));
  return dependants;
}

}  // namespace mirror
