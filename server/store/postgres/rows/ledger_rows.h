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

// Rows that the mirror keeps about its tables beside their rows: comparisons with the source, holds, and
// losses of rows. For the meaning see RecordVerbs.

namespace mirror {

absl::StatusOr<std::vector<TableCheck>> SelectChecks(const StateSource& from, const PostgresOwnTables& names);
void WriteCheck(OwnWrites& writes, const PostgresOwnTables& names, const TableCheck& check);
/// Resets the results of checks of the table's rows. Keeps what an operator asked for.
void ForgetCheck(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

absl::StatusOr<std::vector<Hold>> SelectHolds(const StateSource& from, const PostgresOwnTables& names);
/// Replaces the stored hold of the same kind and table, and keeps the id of that. Otherwise assigns a new id.
void WriteHold(OwnWrites& writes, const PostgresOwnTables& names, const Hold& hold);
/// Inserts a hold with the id that it has. No other hold may have this id.
void PutHold(OwnWrites& writes, const PostgresOwnTables& names, const Hold& hold);
void RemoveHold(OwnWrites& writes, const PostgresOwnTables& names, std::uint64_t id);
/// Removes the holds on one table.
void SettleHolds(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

absl::StatusOr<std::vector<Loss>> SelectLosses(const StateSource& from, const PostgresOwnTables& names,
                                               const std::string& table);
/// Returns the losses of all tables, ordered by folded name and cycle.
absl::StatusOr<std::vector<LossOfTable>> SelectAllLosses(const StateSource& from,
                                                         const PostgresOwnTables& names);
/// Adds `rows` to this cycle's uncommitted loss and sets its `at_ms`. Inserts that loss if there is none.
void AddLoss(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table, const Loss& loss,
             std::int64_t rows);
void MarkLossesCommitted(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);
/// Deletes committed losses that are older than `before_ms`.
void ForgetLosses(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t before_ms);

/// Deletes all these data of a table that was dropped.
void ForgetLedger(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_LEDGER_ROWS_H_
