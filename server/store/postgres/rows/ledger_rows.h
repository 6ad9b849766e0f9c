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

// The mirror's memory of its tables beside their rows: comparisons with the source, holds, and rows that
// vanished. The interface is RecordVerbs.

namespace mirror {

absl::StatusOr<std::vector<TableCheck>> SelectChecks(const StateSource& from, const PostgresOwnTables& names);
void WriteCheck(OwnWrites& writes, const PostgresOwnTables& names, const TableCheck& check);
/// Resets what is known about the table's rows; keeps what an operator asked for.
void ForgetCheck(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

absl::StatusOr<std::vector<Hold>> SelectHolds(const StateSource& from, const PostgresOwnTables& names);
/// Replaces the hold of the same kind and table, and gets its id; else assigns a new id.
void WriteHold(OwnWrites& writes, const PostgresOwnTables& names, const Hold& hold);
/// Inserts a hold with its own id, which no other hold has.
void PutHold(OwnWrites& writes, const PostgresOwnTables& names, const Hold& hold);
void RemoveHold(OwnWrites& writes, const PostgresOwnTables& names, std::uint64_t id);
/// Removes the holds on one table.
void SettleHolds(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

absl::StatusOr<std::vector<Loss>> SelectLosses(const StateSource& from, const PostgresOwnTables& names,
                                               const std::string& table);
/// Returns the losses of all tables, by folded name and cycle.
absl::StatusOr<std::vector<LossOfTable>> SelectAllLosses(const StateSource& from,
                                                         const PostgresOwnTables& names);
/// Inserts this cycle's loss, not committed, with `rows`; or adds `rows` to it and updates its `at_ms`.
void AddLoss(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table, const Loss& loss,
             std::int64_t rows);
void MarkLossesCommitted(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);
/// Deletes committed losses.
void ForgetLosses(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t before_ms);

/// The table was dropped: deletes all that was known about it.
void ForgetLedger(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_LEDGER_ROWS_H_
