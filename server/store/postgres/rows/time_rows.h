#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_TIME_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_TIME_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/postgres/rows/state_rows.h"

// The source time of a mirror's tables, and how old they may become; `_mirror_freshness` shows both.

namespace mirror {

absl::StatusOr<Freshness> SelectFreshness(const StateSource& from, const PostgresOwnTables& names);
/// Writes the difference between the two; `now` was read in this transaction.
void WriteTimes(OwnWrites& writes, const PostgresOwnTables& names, const Freshness& now,
                const Freshness& next);
/// Writes the table's own time; absent: unknown now. Empty `table`: the time of tables without their own.
void WriteTime(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table,
               std::optional<std::int64_t> source_ms);
/// Called when the table is gone.
void ForgetTime(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);
void WriteTargets(OwnWrites& writes, const PostgresOwnTables& names, const FreshnessTargets& targets);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_TIME_ROWS_H_
