#include "server/store/postgres/tables/present_table.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/place/types.h"

namespace mirror {
namespace {

constexpr std::size_t kColumnNumbersMax = 1'600;
constexpr char kReadingTables[] = "looking at the mirrored tables";

/// Returns why rows cannot be written; empty: they can. `whole` false: ignores missing columns, which can be
/// added.
std::string Misfit(const TableSchema& kept, const PresentTable& present, bool whole) {
  if (!present.is_ours) return "another role made it: rename or drop it";
  if (present.is_unlogged) return "it is UNLOGGED: a crash of PostgreSQL would empty it";
  const std::vector<std::uint32_t> key = kept.Key();
  for (const Column& column : kept.columns) {
    const PresentColumn* const found = present.Find(column.name);
    if (found == nullptr && whole) return absl::StrCat("it has no column '", column.name, "'");
    if (found == nullptr) continue;
    if (found->is_generated) return absl::StrCat("its column '", column.name, "' is GENERATED");
    if (found->key_position == column.key_position && found->type != DeclaredType(column)) {
      return absl::StrCat("its column '", column.name, "' is ", found->type, " and not ",
                          DeclaredType(column));
    }
  }
  std::set<std::string> written;
  for (const Column& column : kept.columns) written.insert(column.name);
  for (const auto& [name, type] : OwnDeclarations(kept)) {
    if (whole && present.Find(name) == nullptr) return absl::StrCat("it has no column '", name, "'");
    written.insert(name);
  }
  for (const PresentColumn& column : present.columns) {
    if (written.contains(column.name) || column.is_generated || column.has_default) continue;
    if (column.is_not_null && column.key_position == 0)
      return absl::StrCat("its column '", column.name, "' is NOT NULL and has no default");
  }
  bool same_key = present.key_size() == key.size();
  for (std::size_t i = 0; same_key && i < key.size(); ++i) {
    const PresentColumn* const found = present.Find(kept.columns[key[i]].name);
    same_key = found != nullptr && found->key_position == i + 1;
  }
  return same_key ? "" : "its primary key is not the source's";
}

std::string TypeOf(const postgres::Rows& rows, int row, bool in_key) {
  std::string type = rows.Text(row, 3);
  if (type == "bool") return "boolean";
  if (type == "int8") return "bigint";
  if (type == "float8") return "double precision";
  const bool by_bytes = in_key && type == "text" && rows.Bool(row, 4);
  return by_bytes ? "text COLLATE \"C\"" : type;
}

}  // namespace

const PresentColumn* PresentTable::Find(std::string_view name) const {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const PresentColumn& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

std::size_t PresentTable::key_size() const {
  return static_cast<std::size_t>(std::count_if(
      columns.begin(), columns.end(), [](const PresentColumn& column) { return column.key_position != 0; }));
}

absl::StatusOr<std::map<std::string, PresentTable>> ReadPresent(postgres::Connection& connection,
                                                                const PostgresOwnTables& names,
                                                                const std::vector<std::string>& relations) {
  postgres::Array wanted = postgres::TextArray(relations);
  const auto rows = connection.Query(
      // A type of another schema gets its schema's name, so that it is equal to none of ours. Its owner may
      // have made casts and operators for it.
      "SELECT c.relname::text, a.attnum, CASE WHEN a.attisdropped THEN NULL ELSE a.attname::text END, CASE "
      "WHEN a.atttypmod = -1 AND t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname::text ELSE "
      "format_type(a.atttypid, a.atttypmod) END, l.collname = 'C' AND l.collnamespace = "
      "'pg_catalog'::regnamespace, coalesce(array_position(k.conkey, a.attnum), 0), a.attnotnull, "
      "a.atthasdef, a.attgenerated <> '' "
      "OR a.attidentity = 'a', c.relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user), (SELECT "
      "min(conname::text) FROM pg_constraint WHERE conrelid = c.oid AND condeferrable), c.relpersistence <> "
      "'p' FROM pg_class AS c "
      "LEFT "
      "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_type AS t ON t.oid = "
      "a.atttypid LEFT JOIN pg_collation AS l ON l.oid = a.attcollation LEFT JOIN pg_constraint AS k ON "
      "k.conrelid = c.oid AND k.contype = 'p' WHERE c.relnamespace = to_regnamespace($2) AND c.relkind IN "
      "('r', 'p') AND c.relname = ANY ($1::name[]) ORDER BY c.oid, a.attnum",
      {wanted.value(), names.schema}, kReadingTables);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  std::map<std::string, PresentTable> present;
  for (int row = 0; row < rows->rows(); ++row) {
    PresentTable& table = present[rows->Text(row, 0)];
    table.is_ours = rows->Bool(row, 9);
    table.deferrable = rows->Text(row, 10);
    table.is_unlogged = rows->Bool(row, 11);
    if (!rows->IsNull(row, 1)) table.numbers_used = static_cast<std::size_t>(rows->Int(row, 1));
    if (rows->IsNull(row, 2)) continue;
    PresentColumn& column = table.columns.emplace_back();
    column.name = rows->Text(row, 2);
    column.key_position = static_cast<std::size_t>(rows->Int(row, 5));
    column.type = TypeOf(*rows, row, column.key_position != 0);
    column.is_not_null = rows->Bool(row, 6);
    column.has_default = rows->Bool(row, 7);
    column.is_generated = rows->Bool(row, 8);
  }
  return present;
}

absl::Status CheckNoHeirs(postgres::Connection& connection, const PostgresOwnTables& names) {
  // Partitions belong to their table. So only relkind 'r' counts.
  const auto rows = connection.Query(
      "SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', m.nspname, p.relname) FROM pg_inherits "
      "AS "
      "i JOIN pg_class AS p ON p.oid = i.inhparent AND p.relkind = 'r' JOIN pg_namespace AS m ON m.oid = "
      "p.relnamespace JOIN pg_class AS c ON c.oid = i.inhrelid JOIN pg_namespace AS n ON n.oid = "
      "c.relnamespace WHERE p.relnamespace = to_regnamespace($1) ORDER BY 1, 2 LIMIT 1",
      {names.schema}, kReadingTables);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  if (rows->rows() == 0) return absl::OkStatus();
  const std::string child = rows->Text(0, 0), parent = rows->Text(0, 1);
  return absl::FailedPreconditionError(absl::StrCat(
      "the table ", child, " inherits from ", parent,
      " of the mirror: its rows would count as the mirror's. ",
      "The server did not read or write them, and the mirror accepts no rows. Type ALTER TABLE ", child,
      " NO INHERIT ", parent, ", or DROP TABLE ", child, "; then the next cycle continues."));
}

absl::StatusOr<std::string> PrintOfDefinitions(postgres::Connection& connection,
                                               const PostgresOwnTables& names) {
  const auto rows = connection.Query(
      // pg_class has no index by schema, but pg_depend has one. OFFSET 0 keeps the planner from scanning a
      // whole catalog, because a place may have any number of other relations.
      "WITH tables AS MATERIALIZED (SELECT c.* FROM (SELECT objid FROM pg_depend WHERE classid = "
      "'pg_catalog.pg_class'::regclass AND refclassid = 'pg_catalog.pg_namespace'::regclass AND refobjid = "
      "to_regnamespace($1) OFFSET 0) AS d CROSS JOIN LATERAL (SELECT oid, relname, relowner, relpersistence, "
      "relhassubclass "
      "FROM pg_class WHERE oid = d.objid AND relkind IN ('r', 'p') OFFSET 0) AS c) SELECT "
      "sum(hashtextextended(part, 0)::numeric)::text FROM (SELECT concat_ws(' ', oid, relowner, relname, "
      "relpersistence, relhassubclass) AS part FROM tables UNION ALL SELECT a.part FROM tables CROSS JOIN "
      "LATERAL (SELECT "
      "concat_ws(' ', attrelid, attnum, xmin) AS part FROM pg_attribute WHERE attrelid = tables.oid OFFSET "
      "0) "
      "AS a UNION ALL SELECT k.part FROM tables CROSS JOIN LATERAL (SELECT concat_ws(' ', oid, xmin) AS part "
      "FROM pg_constraint WHERE conrelid = tables.oid OFFSET 0) AS k) AS parts",
      {names.schema}, kReadingTables);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  return rows->Text(0, 0);
}

std::string WhyNotMerged(const TableSchema& kept, const PresentTable& present) {
  std::string why = Misfit(kept, present, /*whole=*/false);
  if (!why.empty()) return why;
  std::size_t numbers = present.numbers_used;
  for (const Column& column : kept.columns) numbers += present.Find(column.name) == nullptr ? 1 : 0;
  for (const auto& [name, type] : OwnDeclarations(kept)) numbers += present.Find(name) == nullptr ? 1 : 0;
  if (numbers <= kColumnNumbersMax) return "";
  return absl::StrCat("PostgreSQL has no column number left for another column of it: a table has ",
                      kColumnNumbersMax, ", and dropped columns keep theirs");
}

std::string WhyNotWritten(const TableSchema& kept, const PresentTable& present) {
  std::string why = Misfit(kept, present, /*whole=*/true);
  if (!why.empty() || present.deferrable.empty()) return why;
  return absl::StrCat("its constraint '", present.deferrable,
                      "' is DEFERRABLE, and would refuse rows that were accepted before");
}

std::vector<std::string> OtherColumns(const TableSchema& kept, const PresentTable& present) {
  const std::map<std::string, std::string> own = OwnDeclarations(kept);
  std::vector<std::string> others;
  for (const PresentColumn& column : present.columns) {
    const bool of_source = std::any_of(kept.columns.begin(), kept.columns.end(),
                                       [&](const Column& one) { return one.name == column.name; });
    if (!of_source && !own.contains(column.name)) others.push_back(column.name);
  }
  return others;
}

std::map<std::string, std::string> OwnDeclarations(const TableSchema& kept) {
  std::map<std::string, std::string> own;
  if (HasKinds(kept)) own[kKindsColumn] = "bytea NOT NULL DEFAULT ''";
  for (const std::string& name : OwnColumns(kept)) own[name] = "bigint";
  return own;
}

absl::StatusOr<std::vector<TouchedTable>> FindTouched(postgres::Connection& connection,
                                                      const PostgresOwnTables& names,
                                                      const std::vector<PostgresAgreed>& tables) {
  std::vector<std::string> relations;
  for (const PostgresAgreed& table : tables) relations.push_back(table.schema.name);
  ASSIGN_OR_RETURN(const auto present, ReadPresent(connection, names, relations));
  std::vector<TouchedTable> all;
  for (const PostgresAgreed& table : tables) {
    const auto found = present.find(table.schema.name);
    if (found == present.end()) continue;
    const TableSchema kept = KeptForm(table.schema);
    TouchedTable touched{.table = table.schema.name, .lacks = WhyNotWritten(kept, found->second)};
    if (!KeepsPartner(kept)) touched.columns = OtherColumns(kept, found->second);
    touched.is_ours = touched.lacks.empty() || found->second.is_ours;
    if (!touched.lacks.empty() || !touched.columns.empty()) all.push_back(std::move(touched));
  }
  return all;
}

absl::StatusOr<std::vector<std::string>> FindDependants(postgres::Connection& connection,
                                                        const PostgresOwnTables& names,
                                                        const std::string& relation,
                                                        const std::string& column) {
  // The mirror's own views are dropped and made again with their table.
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
  return rows->Texts(0);
}

}  // namespace mirror
