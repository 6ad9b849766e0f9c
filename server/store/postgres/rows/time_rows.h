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

// As of when the tables of a mirror are, and how old they may become; `_mirror_freshness` shows both.

namespace mirror {

absl::StatusOr<Freshness> SelectFreshness(const StateSource& from, const PostgresOwnTables& names);
/// What differs between the two; `now` has been read in this transaction.
void WriteTimes(OwnWrites& writes, const PostgresOwnTables& names, const Freshness& now,
                const Freshness& next);
/// The table's own time; absent: from now on it is not known. Empty: that of all that have none of their own.
void WriteTime(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table,
               std::optional<std::int64_t> source_ms);
/// The table is gone.
void ForgetTime(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);
void WriteTargets(OwnWrites& writes, const PostgresOwnTables& names, const FreshnessTargets& targets);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_TIME_ROWS_H_
