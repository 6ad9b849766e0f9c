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

// The source's time that each table shows, and the maximum age of tables. `_mirror_freshness` shows both.

namespace mirror {

absl::StatusOr<Freshness> SelectFreshness(const StateSource& from, const PostgresOwnTables& names);
/// Writes the differences between `now` and `next`. `now` was read in this transaction.
void WriteTimes(OwnWrites& writes, const PostgresOwnTables& names, const Freshness& now,
                const Freshness& next);
/// Writes the table's own time. Absent: unknown from now on. Empty `table`: the time for tables without their
/// own.
void WriteTime(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table,
               std::optional<std::int64_t> source_ms);
/// Called when the table was removed.
void ForgetTime(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);
void WriteTargets(OwnWrites& writes, const PostgresOwnTables& names, const FreshnessTargets& targets);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_TIME_ROWS_H_
