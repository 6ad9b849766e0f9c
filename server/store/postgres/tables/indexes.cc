#include "server/store/postgres/tables/indexes.h"

#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/place/types.h"
#include "server/store/postgres/rows/state_payload.h"
#include "server/store/postgres/rows/tenant_row.h"

namespace mirror {
namespace {

constexpr char kMakingIndex[] = "making an index", kDroppingIndex[] = "dropping an index";

bool IsOwnIndex(std::string_view name) { return absl::StartsWith(FoldName(name), kOwnIndexPrefix); }

absl::StatusOr<std::vector<std::string>> OwnIndexesOf(TableWork& work, const std::string& relation) {
  const auto rows = work.connection.Query(
      "SELECT i.relname::text FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid WHERE x.indrelid "
      "= "
      "to_regclass($1) AND starts_with(i.relname::text, $2)",
      {work.In(relation), kOwnIndexPrefix}, "looking for the mirror's own indexes");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  return rows->Texts(0);
}

std::string DropIndexSql(const TableWork& work, const std::string& name) {
  return absl::StrCat("DROP INDEX IF EXISTS ", work.In(name), "; ");
}

absl::Status DropIndex(TableWork& work, const std::string& name) {
  const auto table = work.connection.Query(
      "SELECT t.relname::text FROM pg_index AS x JOIN pg_class AS t ON t.oid = x.indrelid WHERE x.indexrelid "
      "= "
      "to_regclass($1)",
      {{work.In(name)}}, kDroppingIndex);
  if (!table.ok()) return ToStoreStatus(table.status(), TableOwner::kMirroredTable);
  if (table->rows() == 0) return absl::OkStatus();
  RETURN_IF_ERROR(LockTable(work, table->Text(0, 0)));
  return RunOnTable(work, DropIndexSql(work, name), kDroppingIndex);
}

/// Makes the index. If a value is too long for it, notes that instead.
absl::Status MakeIndex(TableWork& work, const OwnIndex& index, const std::string& sql) {
  postgres::Savepoint attempt(work.connection);
  RETURN_IF_ERROR(ToStoreStatus(attempt.Begin(kMakingIndex), TableOwner::kMirroredTable));
  const postgres::AnswersWithin waits(work.connection, kLongStatement);
  const absl::Status made = work.connection.Execute(sql, kMakingIndex);
  const bool is_too_long = !made.ok() && MayBeOwnIndex(postgres::FailureOf(made));
  if (!made.ok() && !is_too_long) return OnTable(made);
  const absl::Status ended = made.ok() ? attempt.Release(kMakingIndex) : attempt.RollBack(kMakingIndex);
  if (!ended.ok()) return ToStoreStatus(ended, TableOwner::kMirroredTable);
  return is_too_long ? NoteTooLong(work, index) : absl::OkStatus();
}

}  // namespace

std::string PostgresIndexTerms(const TableSchema& kept, const std::vector<IndexColumn>& columns) {
  return absl::StrJoin(columns, ", ", [&](std::string* out, const IndexColumn& column) {
    const std::optional<std::uint32_t> at = kept.Find(column.name);
    const bool is_text = at && ElementType(kept.columns[*at]) == postgres::Type::kText;
    const std::string name = QuoteName(at ? kept.columns[*at].name : column.name);
    const char* const as = !is_text                                 ? ""
                           : column.collation == Collation::kNocase ? "lower"
                           : column.collation == Collation::kRtrim  ? "rtrim"
                                                                    : "";
    absl::StrAppend(out, as, *as == '\0' ? name : absl::StrCat("(", name, ")"),
                    column.descending ? " DESC" : "");
  });
}

absl::StatusOr<std::vector<OwnIndex>> FindOwnIndexes(postgres::Connection& connection,
                                                     const PostgresOwnTables& names) {
  const auto rows = connection.Query(
      "SELECT i.relname::text, t.relname::text FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid "
      "JOIN pg_class AS t ON t.oid = x.indrelid WHERE i.relnamespace = to_regnamespace($1) AND "
      "starts_with(i.relname::text, $2) ORDER BY i.oid",
      {names.schema, kOwnIndexPrefix}, "looking for the mirror's own indexes");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  std::vector<OwnIndex> indexes;
  for (int row = 0; row < rows->rows(); ++row) indexes.push_back({rows->Text(row, 0), rows->Text(row, 1)});
  return indexes;
}

absl::StatusOr<std::vector<IndexChange>> FindMadeIndexes(postgres::Connection& connection,
                                                         const PostgresOwnTables& names) {
  const auto rows = connection.Query(
      "SELECT index_name, table_name, coalesce(column_name, (parse_ident(substring(term FROM "
      "'\\((.*)\\)$')))[1]), descending, CASE WHEN column_name IS NOT NULL THEN '' ELSE split_part(term, "
      "'(', "
      "1) END FROM (SELECT i.relname::text AS index_name, t.relname::text AS table_name, a.attname::text AS "
      "column_name, x.indoption[k - 1] & 1 = 1 AS descending, pg_get_indexdef(i.oid, k, false) AS term, k "
      "FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = "
      "x.indrelid "
      "CROSS JOIN LATERAL generate_series(1, x.indnkeyatts::int) AS k LEFT JOIN pg_attribute AS a ON "
      "a.attrelid = t.oid AND a.attnum = x.indkey[k - 1] WHERE i.relnamespace = to_regnamespace($1) AND "
      "starts_with(i.relname::text, $2)) AS terms ORDER BY index_name COLLATE \"C\", k",
      {names.schema, kOwnIndexPrefix}, "looking for the mirror's own indexes");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  std::vector<IndexChange> indexes;
  for (int row = 0; row < rows->rows(); ++row) {
    if (indexes.empty() || indexes.back().index.name != rows->View(row, 0)) {
      indexes.push_back({{rows->Text(row, 0), rows->Text(row, 1)}, {}});
    }
    const std::string_view as = rows->View(row, 4);
    const Collation collation = as == "lower"   ? Collation::kNocase
                                : as == "rtrim" ? Collation::kRtrim
                                                : Collation::kBinary;
    indexes.back().columns.push_back({rows->Text(row, 2), rows->Bool(row, 3), collation});
  }
  return indexes;
}

absl::Status ChangeIndex(TableWork& work, const IndexChange& change, const TableSchema* schema) {
  const std::string& name = change.index.name;
  if (!IsOwnIndex(name)) {
    return absl::FailedPreconditionError(
        absl::StrCat("index '", name, "' is not the mirror's own. It was left as it is."));
  }
  if (change.columns.empty()) {
    ForgetTooLong(work, change.index.table, name);
    return DropIndex(work, name);
  }
  if (schema == nullptr) return absl::OkStatus();
  CrashPoint("index.making");
  RETURN_IF_ERROR(LockTable(work, schema->name, "SHARE"));
  return MakeIndex(work, {name, schema->name},
                   absl::StrCat("CREATE INDEX IF NOT EXISTS ", QuoteName(name), " ON ", work.In(schema->name),
                                " (", PostgresIndexTerms(KeptForm(*schema), change.columns), ")"));
}

absl::Status DropOwnIndexes(TableWork& work, const std::string& relation) {
  const absl::StatusOr<std::vector<std::string>> indexes = OwnIndexesOf(work, relation);
  if (!indexes.ok() || indexes->empty()) return indexes.status();
  std::string sql;
  for (const std::string& index : *indexes) sql += DropIndexSql(work, index);
  return RunOnTable(work, sql, kDroppingIndex);
}

std::vector<KeptObjects> ReadObjects(const std::vector<StateRow>& rows) {
  std::vector<KeptObjects> kept;
  for (const StateRow& row : rows) {
    PayloadReader payload(row.bytes());
    std::string table = payload.Text();
    std::optional<SourceObjects> objects = UnpackObjects(payload.Text());
    if (payload.is_whole() && objects && IsUnderKeyOf(row, table))
      kept.push_back({std::move(table), *std::move(objects)});
  }
  return kept;
}

StateRow ObjectsRow(const KeptObjects& kept) {
  return {FoldName(kept.table), 0, PayloadWriter().Text(kept.table).Text(PackObjects(kept.objects)).Take()};
}

void WriteObjects(TableWork& work, const ObjectsChange& change) {
  if (change.objects) {
    PutState(work.writes, work.names, StateKind::kObjects, ObjectsRow({change.table, *change.objects}));
  } else {
    RemoveState(work.writes, work.names, StateKind::kObjects, FoldName(change.table));
  }
}

namespace {

constexpr char kDroppingOwn[] = "dropping an index that a value is too long for";

std::string PayloadOf(const OwnIndex& index) {
  return PayloadWriter().Text(index.table).Text(index.name).Take();
}

}  // namespace

bool MayBeOwnIndex(const postgres::Failure& failure) {
  return failure.sqlstate == "54000" &&
         (failure.constraint.empty() || absl::StartsWith(FoldName(failure.constraint), kOwnIndexPrefix));
}

absl::StatusOr<std::size_t> DropIndexesOfAnyLength(TableWork& work, const std::string& table) {
  const auto rows = work.connection.Query(
      "SELECT i.relname::text FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid WHERE x.indrelid "
      "= to_regclass($1) AND starts_with(i.relname::text, $2) AND EXISTS (SELECT FROM pg_attribute AS a "
      "WHERE a.attrelid = i.oid AND a.attlen < 0)",
      {work.In(table), kOwnIndexPrefix}, kDroppingOwn);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  if (rows->rows() == 0) return 0;
  RETURN_IF_ERROR(LockTable(work, table));
  std::string sql;
  for (const std::string& index : rows->Texts(0)) sql += DropIndexSql(work, index);
  RETURN_IF_ERROR(RunOnTable(work, sql, kDroppingOwn));
  return static_cast<std::size_t>(rows->rows());
}

absl::Status NoteTooLong(TableWork& work, const OwnIndex& index) {
  ForgetTooLong(work, index.table, index.name);
  ASSIGN_OR_RETURN(const std::int64_t id, TakeId(work.connection, work.names));
  PutState(work.writes, work.names, StateKind::kTooLong, {FoldName(index.table), id, PayloadOf(index)});
  return absl::OkStatus();
}

void ForgetTooLong(TableWork& work, const std::string& table, const std::optional<std::string>& index) {
  if (!index) return RemoveState(work.writes, work.names, StateKind::kTooLong, FoldName(table));
  work.writes.Add(
      absl::StrCat("DELETE FROM ", work.names.state, " WHERE kind = $1 AND table_key = $2 AND payload = $3"),
      {static_cast<std::int64_t>(StateKind::kTooLong), work.writes.Keep(FoldName(table)),
       postgres::Value::Bytes(work.writes.Keep(PayloadOf({*index, table})))});
  WroteState(work.writes, StateKind::kTooLong);
}

std::vector<OwnIndex> ReadTooLong(const std::vector<StateRow>& rows) {
  std::vector<OwnIndex> indexes;
  for (const StateRow& row : rows) {
    PayloadReader payload(row.bytes());
    std::string table = payload.Text();
    std::string name = payload.Text();
    if (payload.is_whole() && IsUnderKeyOf(row, table))
      indexes.push_back({std::move(name), std::move(table), /*is_too_long=*/true});
  }
  return indexes;
}

}  // namespace mirror
