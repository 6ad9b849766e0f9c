#include "client/exchange/postgres_own_check.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/name.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr char kNext[] =
    "Find out who made it. If the exchange made it, run ALTER TABLE ... OWNER TO the role that installs, and "
    "DROP its triggers and rules. Otherwise DROP it, or rename it. Then install again";

absl::StatusOr<std::string> NameArray(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) {
    absl::StatusOr<std::string> text = postgres::QuotedText(name);
    if (!text.ok()) return text;
    quoted.push_back(*std::move(text));
  }
  return absl::StrCat("CAST(ARRAY[", absl::StrJoin(quoted, ", "), "] AS text[])");
}

/// SQL that selects the relations that are not as required: their names, and
/// why. `trusted`: a condition on an owner. `shared`: a WHEN for shared tables.
absl::StatusOr<std::string> FindOthers(const PostgresOwnNames& names, const std::string& trusted,
                                       const std::string& shared) {
  const absl::StatusOr<std::string> schema = postgres::QuotedText(names.schema);
  const absl::StatusOr<std::string> own = NameArray(names.own);
  const absl::StatusOr<std::string> shared_tables = NameArray(names.shared);
  const absl::StatusOr<std::string> functions = NameArray(names.functions);
  for (const absl::StatusOr<std::string>* const text : {&schema, &own, &shared_tables, &functions}) {
    if (!text->ok()) return *text;
  }
  return absl::StrCat(
      "SELECT one.name, one.why FROM (SELECT format('%I.%I', n.nspname, c.relname) AS name, CASE WHEN "
      "c.relkind <> 'r' AND (c.relname = ANY (",
      *own, ") OR c.relkind <> 'p') THEN 'it is no table'", shared, " WHEN c.relname = ANY (", *shared_tables,
      ") THEN NULL WHEN NOT (", trusted,
      ") THEN concat('it belongs to the role ', o.rolname, ', which is neither a superuser nor the role that "
      "installs') WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal "
      "AND t.tgenabled <> 'D') THEN 'it has a trigger' WHEN EXISTS (SELECT FROM pg_rewrite AS w WHERE "
      "w.ev_class = c.oid) THEN 'it has a rule' END AS why FROM pg_class AS c JOIN pg_namespace AS n ON "
      "n.oid = c.relnamespace JOIN pg_roles AS o ON o.oid = c.relowner WHERE n.nspname = ",
      *schema, " AND c.relname = ANY (", *own, " || ", *shared_tables,
      ") UNION ALL SELECT format('%I.%I()', n.nspname, p.proname), concat('it belongs to the role ', "
      "o.rolname, ', which is neither a superuser nor the role that installs') FROM pg_proc AS p JOIN "
      "pg_namespace AS n ON n.oid = p.pronamespace JOIN pg_roles AS o ON o.oid = p.proowner WHERE n.nspname "
      "= ",
      *schema, " AND p.pronargs = 0 AND p.proname = ANY (", *functions, ") AND NOT (", trusted,
      " OR o.rolname = '", kNotesRole, "')) AS one WHERE one.why IS NOT NULL");
}

constexpr char kInstalls[] = "o.rolsuper OR o.rolname = current_user";

}  // namespace

absl::StatusOr<std::string> OwnCheckSql(const PostgresOwnNames& names, const std::string& role) {
  const absl::StatusOr<std::string> agent = postgres::QuotedText(role);
  if (!agent.ok()) return agent;
  const absl::StatusOr<std::string> others =
      FindOthers(names, absl::StrCat(kInstalls, " OR o.rolname = ", *agent), "");
  if (!others.ok()) return others;
  const absl::StatusOr<std::string> body =
      postgres::DollarQuoted(absl::StrCat("DECLARE other record; BEGIN FOR other IN ", *others,
                                          " LOOP RAISE EXCEPTION '% is not the exchange''s: %. This part of "
                                          "the script made nothing', other.name, other.why USING "
                                          "HINT = '",
                                          kNext, "'; END LOOP; END"));
  if (!body.ok()) return body;
  return absl::StrCat("DO ", *body);
}

absl::Status CheckOwnNames(postgres::Connection& connection, const PostgresOwnNames& names) {
  ASSIGN_OR_RETURN(const std::string shared_tables, NameArray(names.shared));
  ASSIGN_OR_RETURN(
      const std::string others,
      FindOthers(
          names, kInstalls,
          absl::StrCat(" WHEN c.relname = ANY (", shared_tables,
                       ") AND NOT o.rolsuper AND (SELECT s.rolsuper FROM pg_roles AS s WHERE s.rolname "
                       "= current_user) THEN concat('it belongs to the role ', o.rolname, ', whose "
                       "triggers would run with the rights of a superuser: let ''dsn'' name another "
                       "role, or run what ''mirror-agent install --print-sql'' prints')")));
  ASSIGN_OR_RETURN(const postgres::Rows rows,
                   connection.Query(others, {}, "asking for the owners of the exchange's tables"));
  if (rows.rows() == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the exchange cannot use ", rows.Text(0, 0),
                                                    " of the source: ", rows.Text(0, 1),
                                                    ". This part of the installation made nothing. ", kNext));
}

}  // namespace mirror
