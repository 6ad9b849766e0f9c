#include "server/store/postgres/tables/long_values.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/records/state_payload.h"
#include "server/store/postgres/records/tenant_row.h"

namespace mirror {
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
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kMirroredTable);
  if (rows->rows() == 0) return 0;
  RETURN_IF_ERROR(LockTable(work, table));
  std::string sql;
  for (int row = 0; row < rows->rows(); ++row)
    absl::StrAppend(&sql, "DROP INDEX IF EXISTS ", work.In(rows->Text(row, 0)), "; ");
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
