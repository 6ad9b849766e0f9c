#include "base/db/postgres/own_relations.h"

#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/status_macros.h"

namespace mirror::postgres {
namespace {

constexpr char kLookingWhose[] = "checking who owns the tables";
constexpr char kForeignPayload[] = "mirror.postgres/foreign";
constexpr char kDivisionByZero[] = "22012";

/// Kinds are those of pg_class.relkind. 'T' is a type that is no relation: no table can have its name. Array
/// types are omitted, because PostgreSQL renames them when their name is needed. The query first finds the
/// names by the catalogs' indexes, because many mirrors have relations of the same names.
constexpr char kThere[] = R"(
WITH me AS (SELECT r.oid, r.rolname FROM pg_roles AS r WHERE r.rolname = current_user),
  own AS (SELECT n.oid, n.nspowner AS owner FROM pg_namespace AS n WHERE n.nspname = $1::text::name),
  wanted AS (SELECT w.name::name AS name, w.kinds FROM unnest($2::text[], $3::text[]) AS w (name, kinds)),
  named AS MATERIALIZED (
    SELECT c.oid, c.relname AS name, c.relkind::text AS kind, c.relowner AS owner FROM pg_class AS c
      WHERE c.relname = ANY ($2::text[]::name[]) AND c.relnamespace = (SELECT own.oid FROM own)
    UNION ALL
    SELECT t.oid, t.typname, 'T', t.typowner FROM pg_type AS t
      WHERE t.typname = ANY ($2::text[]::name[]) AND t.typnamespace = (SELECT own.oid FROM own)
        AND t.typrelid = 0 AND t.typtype IN ('d', 'e', 'r', 'm')),
  there AS (SELECT named.*, w.kinds FROM named JOIN wanted AS w ON w.name = named.name),
  looked AS (
    SELECT there.*,
      (SELECT min(t.tgname::text) FROM pg_trigger AS t WHERE t.tgrelid = there.oid AND there.kinds = 'r'
        AND there.kind = 'r' AND NOT t.tgisinternal AND t.tgenabled <> 'D') AS trigger,
      (SELECT min(w.rulename::text) FROM pg_rewrite AS w WHERE w.ev_class = there.oid
        AND there.kinds = 'r' AND there.kind = 'r') AS rule
    FROM there))";

/// Returns at least one row.
constexpr char kFind[] = R"(
SELECT own.oid IS NOT NULL, own.owner = me.oid, pg_get_userbyid(own.owner)::text, me.rolname::text,
  l.name::text, l.kind, l.owner = me.oid, strpos(l.kinds, l.kind) > 0, pg_get_userbyid(l.owner)::text,
  l.trigger, l.rule
FROM me LEFT JOIN own ON true LEFT JOIN looked AS l ON true ORDER BY l.name)";

/// The condition is not a constant, so that the planner does not evaluate the division in advance.
constexpr char kGuard[] = R"(
SELECT 1 / CASE WHEN NOT EXISTS (SELECT FROM me)
  OR EXISTS (SELECT FROM own, me WHERE own.owner <> me.oid)
  OR EXISTS (SELECT FROM looked AS l, me WHERE l.owner <> me.oid OR strpos(l.kinds, l.kind) = 0
    OR l.trigger IS NOT NULL OR l.rule IS NOT NULL) THEN 0 ELSE 1 END)";

struct KindWords {
  const char* noun;
  const char* type;  ///< The keyword for DROP and ALTER.
};
KindWords WordsOf(char kind) {
  switch (kind) {
    case 'v':
      return {"a view", "VIEW"};
    case 'm':
      return {"a materialized view", "MATERIALIZED VIEW"};
    case 'f':
      return {"a foreign table", "FOREIGN TABLE"};
    case 'i':
    case 'I':
      return {"an index", "INDEX"};
    case 'S':
      return {"a sequence", "SEQUENCE"};
    case 'c':
    case 'T':
      return {"a type", "TYPE"};
    case 'p':
      return {"a partitioned table", "TABLE"};
    default:
      return {"a table", "TABLE"};
  }
}

std::string QuotedOrUnknown(std::string_view name) {
  const absl::StatusOr<std::string> quoted = QuotedName(name);
  // A name that is not UTF-8 cannot be shown.
  return quoted.ok() ? *quoted : "\"?\"";
}

/// Returns the advice: a change of the owner if another role restored the object from a backup, otherwise
/// `drop`. After a restore, a DROP would remove the customer's mirror.
std::string OwnerOrDrop(const std::string& type, const std::string& name, const std::string& me,
                        const std::string& drop) {
  return absl::StrCat("If that role restored it for this server from a backup, a superuser types ALTER ",
                      type, " ", name, " OWNER TO ", me, "; otherwise ", drop);
}

/// Checks one row of kFind.
absl::Status CheckRow(const Rows& rows, int row, const std::string& schema) {
  const std::string in = QuotedOrUnknown(schema), me = QuotedOrUnknown(rows.Text(row, 3));
  if (!rows.IsNull(row, 1) && !rows.Bool(row, 1)) {
    return ForeignError(absl::StrCat("the schema ", in, " belongs to the role '", rows.Text(row, 2), "'"),
                        OwnerOrDrop("SCHEMA", in, absl::StrCat(me, ", and the same for what is in it"),
                                    absl::StrCat("DROP SCHEMA ", in, " CASCADE, or ALTER SCHEMA ", in,
                                                 " RENAME TO another name")));
  }
  if (rows.IsNull(row, 4)) return absl::OkStatus();
  const std::string name = absl::StrCat(in, ".", QuotedOrUnknown(rows.Text(row, 4)));
  const KindWords kind = WordsOf(rows.Text(row, 5).front());
  const std::string drop = absl::StrCat("DROP ", kind.type, " ", name, " CASCADE");
  const std::string what = absl::StrCat(name, " is ", kind.noun, " of the role '", rows.Text(row, 8), "'");
  const bool has_kind = rows.Bool(row, 7), is_ours = rows.Bool(row, 6);
  if (!has_kind || (!is_ours && kind.type == std::string_view("INDEX"))) {
    return ForeignError(what, absl::StrCat("A superuser or the owner of the schema types ", drop));
  }
  if (!is_ours) return ForeignError(what, OwnerOrDrop(kind.type, name, me, drop));
  for (const auto& [column, type, noun] :
       {std::tuple(9, "TRIGGER", "trigger"), std::tuple(10, "RULE", "rule")}) {
    if (rows.IsNull(row, column)) continue;
    const std::string other = QuotedOrUnknown(rows.Text(row, column));
    return ForeignError(
        absl::StrCat(name, " has the ", noun, " ", other, ", which would run with this server's rights"),
        absl::StrCat("A superuser types DROP ", type, " ", other, " ON ", name));
  }
  return absl::OkStatus();
}

Array NamesOf(const OwnRelations& own) {
  Array names(Type::kText);
  for (const auto* some : {&own.tables, &own.views, &own.indexes, &own.shared}) {
    for (const std::string& name : *some) names.Add(name);
  }
  return names;
}

Array KindsOf(const OwnRelations& own) {
  Array kinds(Type::kText);
  for (const auto& [names, kind] : {std::pair(&own.tables, "r"), std::pair(&own.views, "v"),
                                    std::pair(&own.indexes, "i"), std::pair(&own.shared, "rp")}) {
    for (std::size_t i = 0; i < names->size(); ++i) kinds.Add(kind);
  }
  return kinds;
}

}  // namespace

absl::Status ForeignError(const std::string& what, const std::string& remedy) {
  absl::Status status = absl::FailedPreconditionError(
      absl::StrCat(what, ", but that name is reserved for this server. The server did not read or write it. ",
                   remedy, "; then the next call works."));
  status.SetPayload(kForeignPayload, absl::Cord(what));
  return status;
}

bool IsForeign(const absl::Status& status) { return status.GetPayload(kForeignPayload).has_value(); }

OwnGuard::OwnGuard(const OwnRelations& own)
    : schema_(own.schema),
      names_(NamesOf(own)),
      kinds_(KindsOf(own)),
      values_{Value(schema_), names_.value(), kinds_.value()} {}

absl::StatusOr<OwnFound> OwnGuard::Find(Connection& connection) const {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(absl::StrCat(kThere, kFind), values_, kLookingWhose));
  if (rows.rows() == 0) {
    return absl::FailedPreconditionError(
        "the role of this session was renamed or dropped. The server did not read or write anything; it "
        "connects again for the next call");
  }
  OwnFound found;
  for (int row = 0; row < rows.rows(); ++row) {
    RETURN_IF_ERROR(CheckRow(rows, row, schema_));
    found.has_schema = rows.Bool(row, 0);
    if (!rows.IsNull(row, 4)) found.names.insert(rows.Text(row, 4));
  }
  return found;
}

void OwnGuard::QueueIn(Pipeline& pipeline) const {
  pipeline.Queue(absl::StrCat(kThere, kGuard), values_, kLookingWhose);
}

bool OwnGuard::IsRefusal(const absl::Status& status) { return FailureOf(status).sqlstate == kDivisionByZero; }

}  // namespace mirror::postgres
