#include "client/exchange/postgres/postgres_swap.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/name.h"
#include "base/status_macros.h"
#include "client/exchange/postgres/postgres_values.h"

namespace mirror {
namespace {

constexpr char kSwapping[] = "applying deliveries together";
constexpr char kUniqueViolation[] = "23505";

/// One row for each column of each constraint, with the operator of its index's own class. The last column:
/// whether a foreign key refers to the column.
constexpr char kUnique[] =
    "SELECT i.indexrelid, k.number::int8, NOT i.indimmediate, s.nspname::text, o.oprname::text, EXISTS "
    "(SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = i.indrelid AND k.number = ANY "
    "(f.confkey)) FROM pg_index i "
    "CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY k(number, class, place) "
    "JOIN pg_opclass l ON l.oid = k.class JOIN pg_amop m ON m.amopfamily = l.opcfamily "
    "AND m.amopstrategy = 3 AND m.amoplefttype = l.opcintype AND m.amoprighttype = l.opcintype "
    "JOIN pg_operator o ON o.oid = m.amopopr JOIN pg_namespace s ON s.oid = o.oprnamespace "
    "WHERE i.indrelid = $1::oid AND i.indisunique AND NOT i.indisprimary AND i.indpred IS NULL AND "
    "i.indexprs IS NULL AND k.place <= i.indnkeyatts ORDER BY i.indexrelid, k.place";

/// Of the column with this number among those that are sent.
std::optional<std::uint32_t> PlaceOf(const PostgresTable& table, std::int64_t number) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].number == number) return static_cast<std::uint32_t>(i);
  }
  return std::nullopt;
}

const PostgresMember& OwnOf(const ServerMember& member) { return static_cast<const PostgresMember&>(member); }

}  // namespace

bool PostgresSwap::IsTaken(const absl::Status& status) const {
  return postgres::FailureOf(status).sqlstate == kUniqueViolation;
}

absl::Status PostgresSwap::Begin() {
  savepoint_.emplace(connection_);
  RETURN_IF_ERROR(savepoint_->Begin(kSwapping));
  return connection_.Execute("SET CONSTRAINTS ALL DEFERRED", kSwapping);
}

absl::Status PostgresSwap::End() {
  RETURN_IF_ERROR(connection_.Execute("SET CONSTRAINTS ALL IMMEDIATE", "the database refused it"));
  RETURN_IF_ERROR(savepoint_->Release(kSwapping));
  savepoint_.reset();
  return absl::OkStatus();
}

absl::Status PostgresSwap::TakeBack() {
  RETURN_IF_ERROR(savepoint_->RollBack(kSwapping));
  savepoint_.reset();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<UniqueColumns>> PostgresSwap::FindUnique(const ServerMember& member) {
  const PostgresTable& table = OwnOf(member).known->table;
  ASSIGN_OR_RETURN(const postgres::Rows rows,
                   connection_.Query(kUnique, {static_cast<std::int64_t>(table.oid)}, kSwapping));
  std::vector<UniqueColumns> all;
  std::set<std::size_t> unknown;
  for (int row = 0; row < rows.rows(); ++row) {
    if (row == 0 || rows.Int(row, 0) != rows.Int(row - 1, 0)) all.emplace_back().waits = rows.Bool(row, 2);
    UniqueColumns& unique = all.back();
    const std::optional<std::uint32_t> column = PlaceOf(table, rows.Int(row, 1));
    if (!column) {
      // A computed one, which is not sent.
      unknown.insert(all.size() - 1);
      continue;
    }
    ASSIGN_OR_RETURN(const std::string schema, postgres::QuotedName(rows.View(row, 3)));
    unique.columns.push_back(*column);
    unique.operators.push_back(absl::StrCat("OPERATOR(", schema, ".", rows.Text(row, 4), ")"));
    if (rows.Bool(row, 5)) unique.referred.insert(*column);
  }
  std::vector<UniqueColumns> found;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!unknown.contains(i)) found.push_back(std::move(all[i]));
  }
  return found;
}

absl::StatusOr<std::vector<RowOf>> PostgresSwap::FindKeys(const ServerMember& member,
                                                          const UniqueColumns& unique, const RowOf& values) {
  const PostgresMember& own = OwnOf(member);
  PostgresTexts bound;
  std::vector<std::string> terms;
  for (std::size_t i = 0; i < unique.columns.size(); ++i) {
    const PostgresColumn& column = own.known->table.columns[unique.columns[i]];
    bound.Add(column, values[i]);
    terms.push_back(absl::StrCat("t.", QuoteName(column.name), " ", unique.operators[i], " $", i + 1,
                                 "::", column.type_name));
  }
  std::vector<RowOf> keys;
  RETURN_IF_ERROR(
      ReadPostgresValues(connection_, members_, own, own.table.key,
                         absl::StrCat("SELECT ", own.Values(own.table.key), " FROM ", own.Rows(), " WHERE ",
                                      absl::StrJoin(terms, " AND "), " LIMIT ", ServerSwap::kRowsMax + 1),
                         bound, [&](RowOf key) {
                           keys.push_back(std::move(key));
                           return absl::OkStatus();
                         }));
  return keys;
}

absl::StatusOr<bool> PostgresSwap::SetToNull(const DeliveryTask& task, const ServerMember& member,
                                             const std::set<std::uint32_t>& columns) {
  const PostgresMember& own = OwnOf(member);
  std::vector<std::string> sets;
  for (const std::uint32_t column : columns)
    sets.push_back(absl::StrCat(QuoteName(own.known->table.columns[column].name), " = NULL"));
  PostgresTexts bound;
  bound.AddKey(own, task.key);
  RETURN_IF_ERROR(database_.BeginTriggered());
  ASSIGN_OR_RETURN(const std::int64_t rows,
                   connection_.Run(absl::StrCat("UPDATE ", own.Rows(), " SET ", absl::StrJoin(sets, ", "),
                                                " WHERE ", own.KeyIs(1)),
                                   bound.values(), kSwapping));
  ASSIGN_OR_RETURN(const std::vector<TriggeredRow> others,
                   database_.FindTriggered({{own.table.log, KeyText(task.key)}}));
  return rows == 1 && others.empty();
}

}  // namespace mirror
