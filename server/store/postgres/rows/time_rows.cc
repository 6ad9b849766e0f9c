#include "server/store/postgres/rows/time_rows.h"

#include "base/db/postgres/value.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/postgres/rows/state_rows.h"

namespace mirror {
namespace {

std::optional<std::string> PayloadOf(std::optional<std::int64_t> ms) {
  if (!ms) return std::nullopt;
  std::string payload;
  postgres::AppendNumber(payload, *ms);
  return payload;
}

std::optional<std::int64_t> MsOf(const StateRow& row) {
  if (!row.payload || row.payload->size() != sizeof(std::int64_t)) return std::nullopt;
  return postgres::ReadInt(*row.payload);
}

}  // namespace

absl::StatusOr<Freshness> SelectFreshness(const StateSource& from, const PostgresOwnTables& names) {
  Freshness freshness;
  ASSIGN_OR_RETURN(const auto times, ReadState(from, names, StateKind::kTime));
  for (const StateRow& row : times) {
    if (row.table_key.empty()) {
      freshness.all_ms = MsOf(row);
    } else {
      freshness.tables[row.table_key] = MsOf(row);
    }
  }
  ASSIGN_OR_RETURN(const auto targets, ReadState(from, names, StateKind::kTarget));
  for (const StateRow& row : targets) {
    if (row.table_key.empty()) {
      freshness.targets.all_ms = MsOf(row).value_or(0);
    } else {
      freshness.targets.tables[row.table_key] = MsOf(row).value_or(0);
    }
  }
  return freshness;
}

void WriteTimes(OwnWrites& writes, const PostgresOwnTables& names, const Freshness& now,
                const Freshness& next) {
  if (now.all_ms != next.all_ms) WriteTime(writes, names, "", next.all_ms);
  for (const auto& [table, time] : now.tables) {
    if (!next.tables.contains(table)) ForgetTime(writes, names, table);
  }
  for (const auto& [table, time] : next.tables) {
    const auto found = now.tables.find(table);
    if (found == now.tables.end() || found->second != time) WriteTime(writes, names, table, time);
  }
}

void WriteTime(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table,
               std::optional<std::int64_t> source_ms) {
  PutState(writes, names, StateKind::kTime, {FoldName(table), 0, PayloadOf(source_ms)});
}

void ForgetTime(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table) {
  RemoveState(writes, names, StateKind::kTime, FoldName(table));
}

void WriteTargets(OwnWrites& writes, const PostgresOwnTables& names, const FreshnessTargets& targets) {
  RemoveState(writes, names, StateKind::kTarget);
  if (targets.all_ms != 0) {
    PutState(writes, names, StateKind::kTarget, {"", 0, PayloadOf(targets.all_ms)});
  }
  for (const auto& [table, target] : targets.tables) {
    PutState(writes, names, StateKind::kTarget, {FoldName(table), 0, PayloadOf(target)});
  }
}

}  // namespace mirror
