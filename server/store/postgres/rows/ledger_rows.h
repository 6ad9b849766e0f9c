#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_LEDGER_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_LEDGER_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/mirror_contents.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/postgres/rows/state_rows.h"

// What a mirror remembers of its tables beside their rows: comparisons with the source, holds, and rows that
// vanished. As RecordVerbs has it.

namespace mirror {

absl::StatusOr<std::vector<TableCheck>> SelectChecks(const StateSource& from, const PostgresOwnTables& names);
void WriteCheck(OwnWrites& writes, const PostgresOwnTables& names, const TableCheck& check);
/// Nothing is known of the table's rows any more; what an operator asked for stays.
void ForgetCheck(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

absl::StatusOr<std::vector<Hold>> SelectHolds(const StateSource& from, const PostgresOwnTables& names);
/// In place of that of its kind and table, whose id it gets; else it is numbered.
void WriteHold(OwnWrites& writes, const PostgresOwnTables& names, const Hold& hold);
/// With the id that it has, which no other has.
void PutHold(OwnWrites& writes, const PostgresOwnTables& names, const Hold& hold);
void RemoveHold(OwnWrites& writes, const PostgresOwnTables& names, std::uint64_t id);
/// Those on one table.
void SettleHolds(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

absl::StatusOr<std::vector<Loss>> SelectLosses(const StateSource& from, const PostgresOwnTables& names,
                                               const std::string& table);
/// Of all tables, by their folded names and cycles.
absl::StatusOr<std::vector<LossOfTable>> SelectAllLosses(const StateSource& from,
                                                         const PostgresOwnTables& names);
/// Makes the loss of this cycle, not committed, with `rows`; or adds them to it and moves its `at_ms`.
void AddLoss(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table, const Loss& loss,
             std::int64_t rows);
void MarkLossesCommitted(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);
/// Committed ones.
void ForgetLosses(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t before_ms);

/// The table is gone: so is all that was known of it.
void ForgetLedger(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_LEDGER_ROWS_H_
