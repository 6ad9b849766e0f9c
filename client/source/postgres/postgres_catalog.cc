#include "client/source/postgres/postgres_catalog.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

using postgres::Rows;

// In each query @these means one of two conditions over c and n.
constexpr char kAllTables[] =
    "c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname = $1";
/// Uses an index of the catalogs: it is queried before each reading of a table.
constexpr char kOneTable[] = " AND c.oid = $2::oid";

constexpr char kTables[] =
    "SELECT c.oid, c.relname::text, c.relkind = 'p', c.relpersistence = 'u', "
    "coalesce(row_security_active(c.oid), false), c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits h "
    "WHERE h.inhparent = c.oid), coalesce(NOT i.indimmediate, false), coalesce(NOT i.indisvalid, false), "
    "c.relreplident::text "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary WHERE @these ORDER BY c.oid";

/// A domain over a domain has no modifier of its own: the innermost one counts.
constexpr char kColumns[] =
    "WITH RECURSIVE base(domain, oid, modifier) AS (SELECT oid, typbasetype, typtypmod FROM pg_type "
    "WHERE typtype = 'd' UNION ALL SELECT b.domain, t.typbasetype, CASE WHEN t.typtypmod < 0 "
    "THEN b.modifier ELSE t.typtypmod END FROM base b JOIN pg_type t ON t.oid = b.oid "
    "WHERE t.typtype = 'd') "
    "SELECT c.oid, a.attnum::int8, a.attname::text, t.oid, coalesce(b.modifier, a.atttypmod)::int8, "
    "format_type(t.oid, -1), t.typtype = 'e' OR t.typsend IN ('textsend'::regproc, 'varcharsend'::regproc, "
    "'bpcharsend'::regproc, 'namesend'::regproc, 'json_send'::regproc), a.attnotnull, "
    "a.attgenerated <> '', coalesce(has_column_privilege(a.attrelid, a.attnum, 'SELECT'), false), "
    "CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END "
    "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "LEFT JOIN (SELECT b.* FROM base b JOIN pg_type u ON u.oid = b.oid WHERE u.typtype <> 'd') b "
    "ON b.domain = a.atttypid JOIN pg_type t ON t.oid = coalesce(b.oid, a.atttypid) "
    "WHERE a.attnum > 0 AND NOT a.attisdropped AND @these ORDER BY c.oid, a.attnum";

/// The operator is of the index's own operator class: citext has its own.
constexpr char kKeys[] =
    "SELECT c.oid, k.number::int8, s.nspname::text, o.oprname::text FROM pg_index i "
    "JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
    "CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY k(number, class, place) "
    "JOIN pg_opclass l ON l.oid = k.class JOIN pg_amop m ON m.amopfamily = l.opcfamily "
    "AND m.amopstrategy = 3 AND m.amoplefttype = l.opcintype AND m.amoprighttype = l.opcintype "
    "JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_namespace s ON s.oid = o.oprnamespace "
    "WHERE i.indisprimary AND k.place <= i.indnkeyatts AND @these ORDER BY c.oid, k.place";

/// Uses the snapshot, which pg_partition_tree() does not.
constexpr char kLeaves[] =
    "WITH RECURSIVE tree(root, oid) AS (SELECT c.oid, c.oid FROM pg_class c JOIN pg_namespace n "
    "ON n.oid = c.relnamespace WHERE c.relkind = 'p' AND @these UNION ALL SELECT t.root, h.inhrelid FROM "
    "tree t JOIN pg_inherits h ON h.inhparent = t.oid "
    "AND NOT h.inhdetachpending) "
    "SELECT t.root, s.nspname::text, c.relname::text, coalesce(has_table_privilege(c.oid, 'SELECT'), false), "
    "coalesce(row_security_active(c.oid), false), c.relkind = 'f', c.relpersistence = 'u', "
    "c.relreplident::text, c.oid FROM tree t JOIN pg_class c ON c.oid = t.oid "
    "JOIN pg_namespace s ON s.oid = c.relnamespace WHERE c.relkind <> 'p' ORDER BY t.root, c.oid";

constexpr const char* kQueries[] = {kTables, kColumns, kKeys, kLeaves};

/// Reads the rows of one query that belong to one table: both are ordered by oid.
class ByTable {
 public:
  explicit ByTable(const Rows& rows) : rows_(rows) {}

  template <typename Take>
  absl::Status Each(std::uint32_t oid, const Take& take) {
    for (; next_ < rows_.rows() && rows_.Int(next_, 0) <= static_cast<std::int64_t>(oid); ++next_) {
      // Without a snapshot: a table created between two queries.
      if (rows_.Int(next_, 0) != static_cast<std::int64_t>(oid)) continue;
      RETURN_IF_ERROR(take(next_));
    }
    return absl::OkStatus();
  }

 private:
  const Rows& rows_;
  int next_ = 0;
};

void TakeColumn(const Rows& rows, int row, PostgresTable* table) {
  PostgresColumn column;
  column.number = rows.Int(row, 1);
  column.name = rows.Text(row, 2);
  column.type = static_cast<std::uint32_t>(rows.Int(row, 3));
  column.modifier = static_cast<std::int32_t>(rows.Int(row, 4));
  column.type_name = rows.Text(row, 5);
  column.sends_text = rows.Bool(row, 6);
  column.not_null = rows.Bool(row, 7);
  column.readable = rows.Bool(row, 9);
  if (!rows.IsNull(row, 10)) column.missing = rows.Text(row, 10);
  if (rows.Bool(row, 8)) {
    table->generated.push_back(column.name);
  } else {
    table->columns.push_back(std::move(column));
  }
}

absl::Status TakeKey(const Rows& rows, int row, PostgresTable* table) {
  ASSIGN_OR_RETURN(const std::string schema, postgres::QuotedName(rows.View(row, 2)));
  table->key.push_back(rows.Int(row, 1));
  // An operator's name consists of characters that need no quotes, and cannot be quoted.
  table->key_operators.push_back(absl::StrCat("OPERATOR(", schema, ".", rows.Text(row, 3), ")"));
  return absl::OkStatus();
}

absl::Status TakeLeaf(const Rows& rows, int row, PostgresTable* table) {
  ASSIGN_OR_RETURN(const std::string name, postgres::QuotedName(rows.View(row, 1), rows.View(row, 2)));
  PostgresLeaf& leaf = table->leaves.emplace_back();
  leaf.name = name;
  leaf.readable = rows.Bool(row, 3);
  leaf.hides_rows = rows.Bool(row, 4);
  leaf.foreign = rows.Bool(row, 5);
  leaf.unlogged = rows.Bool(row, 6);
  leaf.identity = rows.View(row, 7).front();
  leaf.oid = static_cast<std::uint32_t>(rows.Int(row, 8));
  return absl::OkStatus();
}

using postgres::Trouble;

std::string Grantee(const std::string& role) {
  const absl::StatusOr<std::string> quoted = postgres::QuotedName(role);
  return quoted.ok() ? *quoted : role;
}

std::string HiddenRows(const std::string& table, const std::string& role) {
  return absl::StrCat("row security is in effect on table '", table, "' for the role '", role,
                      "', so the role cannot see all rows. ", kNothingCommitted,
                      ". Let the role see them: ALTER ROLE ", Grantee(role),
                      " BYPASSRLS, or leave the table out with 'skip'");
}

std::string MayNotRead(const std::string& table, const std::string& quoted, const std::string& role) {
  return absl::StrCat("the role '", role, "' may not read table '", table, "'. ", kNothingCommitted,
                      ". Allow it: GRANT SELECT ON ", quoted, " TO ", Grantee(role),
                      ", or leave the table out with 'skip'");
}

}  // namespace

std::string PostgresTable::Rows() const {
  if (!partitioned) return absl::StrCat("ONLY ", quoted, " AS t");
  const bool by_leaves =
      std::all_of(leaves.begin(), leaves.end(), [](const PostgresLeaf& leaf) { return leaf.readable; });
  if (!by_leaves) return absl::StrCat(quoted, " AS t");
  if (leaves.empty()) return absl::StrCat("ONLY ", quoted, " AS t");
  std::vector<std::string> names;
  for (const PostgresColumn& column : columns) names.push_back(QuoteName(column.name));
  const std::string select = absl::StrCat("SELECT ", absl::StrJoin(names, ", "), " FROM ONLY ");
  return absl::StrCat(
      "(",
      absl::StrJoin(leaves, " UNION ALL ",
                    [&select](std::string* to, const auto& leaf) { absl::StrAppend(to, select, leaf.name); }),
      ") AS t");
}

std::string PostgresTable::Lockable() const { return partitioned ? quoted : absl::StrCat("ONLY ", quoted); }

void PostgresTableQueries::Queue(postgres::Pipeline& pipeline) const {
  const std::string these = absl::StrCat(kAllTables, oid_ == 0 ? "" : kOneTable);
  std::vector<postgres::Value> values = {schema_};
  if (oid_ != 0) values.emplace_back(static_cast<std::int64_t>(oid_));
  for (const char* const sql : kQueries)
    pipeline.Queue(absl::StrReplaceAll(sql, {{"@these", these}}), values, "reading its catalogs");
}

absl::StatusOr<std::vector<PostgresTable>> PostgresTableQueries::Take(const std::vector<Rows>& rows) const {
  if (rows.size() < std::size(kQueries)) return absl::InternalError("its catalogs were not all read");
  const Rows* const read = &rows[rows.size() - std::size(kQueries)];
  const Rows& tables = read[0];
  ByTable columns(read[1]), keys(read[2]), leaves(read[3]);
  std::vector<PostgresTable> all;
  for (int row = 0; row < tables.rows(); ++row) {
    PostgresTable& table = all.emplace_back();
    table.oid = static_cast<std::uint32_t>(tables.Int(row, 0));
    table.name = tables.Text(row, 1);
    const absl::StatusOr<std::string> quoted = postgres::QuotedName(schema_, table.name);
    // Quoting may fail in a database without an encoding.
    table.quoted = quoted.ok() ? *quoted : "";
    table.partitioned = tables.Bool(row, 2);
    table.unlogged = tables.Bool(row, 3);
    table.hides_rows = tables.Bool(row, 4);
    table.has_children = tables.Bool(row, 5);
    table.key_waits = tables.Bool(row, 6);
    table.key_broken = tables.Bool(row, 7);
    table.identity = tables.View(row, 8).front();
    absl::Status taken = columns.Each(table.oid, [&](int at) {
      TakeColumn(read[1], at, &table);
      return absl::OkStatus();
    });
    if (taken.ok()) taken = keys.Each(table.oid, [&](int at) { return TakeKey(read[2], at, &table); });
    if (taken.ok()) taken = leaves.Each(table.oid, [&](int at) { return TakeLeaf(read[3], at, &table); });
    if (!taken.ok()) return taken;
  }
  return all;
}

absl::Status StandbyAnswered() {
  return absl::UnavailableError(absl::StrCat(
      "a standby answered at the source's address, and it may lack rows that the log has already reported. ",
      kNothingCommitted,
      "; the next run tries again. If its 'dsn' names several hosts, add 'target_session_attrs=read-write' "
      "to it to choose the primary"));
}

absl::Status ExplainReading(const absl::Status& status, const PostgresTable& table, const std::string& role) {
  switch (postgres::TroubleOf(status)) {
    case Trouble::kUndefined:
    case Trouble::kStalePlan:
      return MovedTable(table.name);
    case Trouble::kLockTimeout:
      return LockedTable(table.name);
    case Trouble::kDenied:
      return absl::PermissionDeniedError(MayNotRead(table.name, table.quoted, role));
    case Trouble::kRowSecurity:
      return absl::PermissionDeniedError(HiddenRows(table.name, role));
    case Trouble::kLost:
    case Trouble::kNotReady:
    case Trouble::kTooMany:
    case Trouble::kNotLetIn:
      return LostWhileReading(table.name, status);
    default:
      break;
  }
  if (status.ok() || postgres::TroubleOf(status) == Trouble::kNone) return status;
  return WhileReading(table.name, status);
}

std::string WhyUnreadable(const PostgresTable& table, const std::string& role) {
  const bool hides = table.hides_rows || std::any_of(table.leaves.begin(), table.leaves.end(),
                                                     [](const auto& leaf) { return leaf.hides_rows; });
  if (hides) return HiddenRows(table.name, role);
  const bool readable = std::all_of(table.columns.begin(), table.columns.end(),
                                    [](const PostgresColumn& column) { return column.readable; });
  return readable ? "" : MayNotRead(table.name, table.quoted, role);
}

}  // namespace mirror
