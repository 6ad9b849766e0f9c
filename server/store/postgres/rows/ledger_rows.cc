#include "server/store/postgres/rows/ledger_rows.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/mirror_records.h"
#include "server/store/postgres/rows/state_payload.h"

namespace mirror {
namespace {

postgres::Value OfKind(StateKind kind) { return static_cast<std::int64_t>(kind); }

/// Returns the position of a packed number that SQL reads. LossSql() returns the number as SQL.
int PackedAt(const OwnTable& table, std::string_view column) { return NumberAt(table.PackedPlaceOf(column)); }
std::string LossSql(std::string_view payload, std::string_view column) {
  return NumberSql(payload, LossTable().PackedPlaceOf(column));
}

std::string HoldPayload(const Hold& hold) {
  PayloadWriter payload;
  payload.Packed(HoldTable(), hold);
  for (const std::vector<std::string>* list : {&hold.tables, &hold.keys}) {
    payload.Number(static_cast<std::int64_t>(list->size()));
    for (const std::string& text : *list) payload.Text(text);
  }
  return payload.Take();
}

bool ReadHold(const StateRow& row, Hold& hold) {
  PayloadReader payload(row.bytes());
  hold.id = static_cast<std::uint64_t>(row.number);
  if (!payload.Packed(HoldTable(), hold).ok()) return false;
  for (std::vector<std::string>* list : {&hold.tables, &hold.keys}) {
    const std::uint64_t size = payload.Unsigned();
    // A number that no server of ours wrote must not cause a large allocation.
    if (size > row.bytes().size()) return false;
    for (std::uint64_t i = 0; i < size; ++i) list->push_back(payload.Text());
  }
  return payload.is_whole();
}

absl::StatusOr<std::vector<LossOfTable>> LossesIn(const std::vector<StateRow>& rows,
                                                  const PostgresOwnTables& names) {
  std::vector<LossOfTable> losses;
  for (const StateRow& row : rows) {
    PayloadReader payload(row.bytes());
    LossOfTable& of = losses.emplace_back();
    of.table = row.table_key;
    of.loss.cycle = row.number;
    RETURN_IF_ERROR(payload.Packed(LossTable(), of));
    if (!payload.is_whole()) return DamagedState(names, StateKind::kLoss);
  }
  return losses;
}

}  // namespace

absl::StatusOr<std::vector<TableCheck>> SelectChecks(const StateSource& from,
                                                     const PostgresOwnTables& names) {
  ASSIGN_OR_RETURN(const auto rows, ReadState(from, names, StateKind::kCheck));
  std::vector<TableCheck> checks;
  for (const StateRow& row : rows) {
    PayloadReader payload(row.bytes());
    TableCheck& check = checks.emplace_back();
    RETURN_IF_ERROR(payload.Packed(CheckTable(), check));
    if (check.position.lsn == Lsn{}) check.position.lineage.clear();
    if (!payload.is_whole()) return DamagedState(names, StateKind::kCheck);
    if (!IsUnderKeyOf(row, check.table)) checks.pop_back();
  }
  return checks;
}

void WriteCheck(OwnWrites& writes, const PostgresOwnTables& names, const TableCheck& check) {
  PutState(writes, names, StateKind::kCheck,
           {FoldName(check.table), 0, PayloadWriter().Packed(CheckTable(), check).Take()});
}

void ForgetCheck(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  // Keeps `wanted`, and the texts after the numbers.
  const int from = PackedAt(CheckTable(), "equality"), behind = PackedAt(CheckTable(), "rows_differ") + 8;
  const std::string unknown = PayloadWriter().Packed(CheckTable(), TableCheck{}).Take();
  writes.Add(absl::StrCat("UPDATE ", names.state, " SET payload = overlay(payload PLACING $3 FROM ", from,
                          ") WHERE kind = $1 AND table_key = $2"),
             {OfKind(StateKind::kCheck), writes.Keep(FoldName(table)),
              postgres::Value::Bytes(writes.Keep(unknown.substr(static_cast<std::size_t>(from - 1),
                                                                static_cast<std::size_t>(behind - from))))});
  WroteState(writes, StateKind::kCheck);
}

absl::StatusOr<std::vector<Hold>> SelectHolds(const StateSource& from, const PostgresOwnTables& names) {
  ASSIGN_OR_RETURN(const auto rows, ReadState(from, names, StateKind::kHold));
  std::vector<Hold> holds;
  for (const StateRow& row : rows) {
    Hold& hold = holds.emplace_back();
    if (!ReadHold(row, hold)) return DamagedState(names, StateKind::kHold);
    if (!IsUnderKeyOf(row, hold.table)) holds.pop_back();
  }
  std::sort(holds.begin(), holds.end(), [](const Hold& a, const Hold& b) { return a.id < b.id; });
  return holds;
}

void WriteHold(OwnWrites& writes, const PostgresOwnTables& names, const Hold& hold) {
  writes.Add(
      absl::StrCat("WITH old AS (UPDATE ", names.state,
                   " SET payload = $4 WHERE kind = $1 AND table_key = $2 AND substr(payload, ",
                   PackedAt(HoldTable(), "kind"), ", 8) = int8send($3) RETURNING 1), new AS (UPDATE ",
                   names.tenant,
                   " SET next_id = next_id + 1 WHERE NOT EXISTS (SELECT 1 FROM old) RETURNING next_id - 1 AS "
                   "id) INSERT INTO ",
                   names.state, " (kind, table_key, number, payload) SELECT $1, $2, id, $4 FROM new"),
      {OfKind(StateKind::kHold), writes.Keep(FoldName(hold.table)), static_cast<std::int64_t>(hold.kind),
       postgres::Value::Bytes(writes.Keep(HoldPayload(hold)))});
  WroteState(writes, StateKind::kHold);
}

void PutHold(OwnWrites& writes, const PostgresOwnTables& names, const Hold& hold) {
  PutState(writes, names, StateKind::kHold,
           {FoldName(hold.table), static_cast<std::int64_t>(hold.id), HoldPayload(hold)});
}

void RemoveHold(OwnWrites& writes, const PostgresOwnTables& names, std::uint64_t id) {
  writes.Add(absl::StrCat("DELETE FROM ", names.state, " WHERE kind = $1 AND number = $2"),
             {OfKind(StateKind::kHold), static_cast<std::int64_t>(id)});
  WroteState(writes, StateKind::kHold);
}

void SettleHolds(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  if (!table.empty()) RemoveState(writes, names, StateKind::kHold, FoldName(table));
}

absl::StatusOr<std::vector<Loss>> SelectLosses(const StateSource& from, const PostgresOwnTables& names,
                                               const std::string& table) {
  ASSIGN_OR_RETURN(const auto rows, ReadState(from, names, StateKind::kLoss, FoldName(table)));
  ASSIGN_OR_RETURN(const std::vector<LossOfTable> read, LossesIn(rows, names));
  std::vector<Loss> losses;
  for (const LossOfTable& of : read) losses.push_back(of.loss);
  return losses;
}

absl::StatusOr<std::vector<LossOfTable>> SelectAllLosses(const StateSource& from,
                                                         const PostgresOwnTables& names) {
  ASSIGN_OR_RETURN(const auto rows, ReadState(from, names, StateKind::kLoss));
  return LossesIn(rows, names);
}

void AddLoss(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table, const Loss& loss,
             std::int64_t rows) {
  LossOfTable row{table, loss};
  row.loss.rows = rows;
  row.loss.committed = false;
  std::string payload = PayloadWriter().Packed(LossTable(), row).Take();
  // The new payload up to `at_ms`, the old `planned`, the sum of both `rows`, and the rest of the old
  // payload.
  const int planned_from = PackedAt(LossTable(), "at_ms") + 8, rows_from = PackedAt(LossTable(), "rows");
  writes.Add(
      absl::StrCat("INSERT INTO ", names.state,
                   " AS old (kind, table_key, number, payload) VALUES ($1, $2, $3, $4) ON CONFLICT (kind, "
                   "table_key, number) DO UPDATE SET payload = substr(EXCLUDED.payload, 1, ",
                   planned_from - 1, ") || substr(old.payload, ", planned_from, ", ",
                   rows_from - planned_from, ") || int8send(", LossSql("old.payload", "rows"), " + ",
                   LossSql("EXCLUDED.payload", "rows"), ") || substr(old.payload, ", rows_from + 8, ")"),
      {OfKind(StateKind::kLoss), writes.Keep(FoldName(table)), loss.cycle,
       postgres::Value::Bytes(writes.Keep(std::move(payload)))});
  WroteState(writes, StateKind::kLoss);
}

void MarkLossesCommitted(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  writes.Add(absl::StrCat("UPDATE ", names.state, " SET payload = overlay(payload PLACING int8send(1) FROM ",
                          PackedAt(LossTable(), "committed"), ") WHERE kind = $1 AND table_key = $2 AND ",
                          LossSql("payload", "committed"), " = 0"),
             {OfKind(StateKind::kLoss), writes.Keep(FoldName(table))});
  WroteState(writes, StateKind::kLoss);
}

void ForgetLosses(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t before_ms) {
  writes.Add(absl::StrCat("DELETE FROM ", names.state, " WHERE kind = $1 AND ",
                          LossSql("payload", "committed"), " = 1 AND ", LossSql("payload", "at_ms"), " < $2"),
             {OfKind(StateKind::kLoss), before_ms});
  WroteState(writes, StateKind::kLoss);
}

void ForgetLedger(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  RemoveState(writes, names, StateKind::kCheck, FoldName(table));
  RemoveState(writes, names, StateKind::kLoss, FoldName(table));
  SettleHolds(writes, names, table);
}

}  // namespace mirror
