#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LEDGER_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LEDGER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// What a mirror remembers of its tables beside their rows: comparisons with the source, holds, and rows that
// vanished. All writing runs inside the caller's transaction.

namespace mirror {

absl::Status CreateLedgerTables(SqliteConnection& connection);

absl::StatusOr<std::vector<TableCheck>> SelectChecks(SqliteConnection& connection);
absl::Status WriteCheck(SqliteConnection& connection, const TableCheck& check);
/// After a population: nothing is known of the new rows. What an operator asked for stays.
absl::Status ForgetCheck(SqliteConnection& connection, const std::string& table);

absl::StatusOr<std::vector<Hold>> SelectHolds(SqliteConnection& connection);
absl::Status WriteHold(SqliteConnection& connection, const Hold& hold);
absl::Status RemoveHold(SqliteConnection& connection, std::uint64_t id);

/// Those on one table.
absl::Status SettleHolds(SqliteConnection& connection, const std::string& table);

absl::StatusOr<std::vector<Loss>> SelectLosses(SqliteConnection& connection, const std::string& table);
/// Makes the loss of this cycle, or adds to it; it is not committed.
absl::Status AddLoss(SqliteConnection& connection, const std::string& table, const Loss& loss,
                     std::int64_t rows);
absl::Status MarkLossesCommitted(SqliteConnection& connection, const std::string& table);
/// Committed ones.
absl::Status ForgetLosses(SqliteConnection& connection, std::int64_t before_ms);
absl::Status ForgetLosses(SqliteConnection& connection, const std::string& table);

/// The table is gone: so is all that was known of it.
absl::Status ForgetLedger(SqliteConnection& connection, const std::string& table);

/// Live rows of the visible table whose keys its shadow lacks: counted where a sample of keys from the whole
/// table says that they may be more than `may_lose`, else 0. A sample is of chance: somewhat more than
/// `may_lose` passes once in a while, twice as many do not. 0, too, for a table without a key and for one
/// that had another.
absl::StatusOr<std::int64_t> CountAbsent(SqliteConnection& connection, const TableSchema& schema,
                                         const std::string& shadow, std::int64_t may_lose);
/// Hold::keys of the first of those rows; none of such tables.
absl::StatusOr<std::vector<std::string>> AbsentKeys(SqliteConnection& connection, const TableSchema& schema,
                                                    const std::string& shadow);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LEDGER_H_
