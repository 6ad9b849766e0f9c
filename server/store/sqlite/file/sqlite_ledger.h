#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LEDGER_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LEDGER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Data that a mirror keeps about its tables beside their rows: comparisons with the source, holds, and losses
// of rows. All writes run inside the caller's transaction.

namespace mirror {

absl::Status CreateLedgerTables(SqliteConnection& connection);

absl::StatusOr<std::vector<TableCheck>> SelectChecks(SqliteConnection& connection);
absl::Status WriteCheck(SqliteConnection& connection, const TableCheck& check);
/// Removes the check of a table after a population, because the new rows are not checked yet. Keeps what an
/// operator asked for.
absl::Status ForgetCheck(SqliteConnection& connection, const std::string& table);

absl::StatusOr<std::vector<Hold>> SelectHolds(SqliteConnection& connection);
absl::Status WriteHold(SqliteConnection& connection, const Hold& hold);
absl::Status RemoveHold(SqliteConnection& connection, std::uint64_t id);

/// Removes the holds on one table.
absl::Status SettleHolds(SqliteConnection& connection, const std::string& table);

absl::StatusOr<std::vector<Loss>> SelectLosses(SqliteConnection& connection, const std::string& table);
/// Adds `rows` to the uncommitted loss of this cycle. Creates that loss if there is none.
absl::Status AddLoss(SqliteConnection& connection, const std::string& table, const Loss& loss,
                     std::int64_t rows);
absl::Status MarkLossesCommitted(SqliteConnection& connection, const std::string& table);
/// The first removes committed losses that are older than `before_ms`, the second all losses of a table.
absl::Status ForgetLosses(SqliteConnection& connection, std::int64_t before_ms);
absl::Status ForgetLosses(SqliteConnection& connection, const std::string& table);

/// Removes all data of this header about a dropped table.
absl::Status ForgetLedger(SqliteConnection& connection, const std::string& table);

/// Counts live rows of the visible table whose keys the shadow lacks. In a large table it first takes a
/// random sample of keys of the whole table. If the sample suggests less than half of `may_lose`, returns 0.
/// Otherwise counts all keys. So a loss slightly above `may_lose` may sometimes be overlooked, but not one of
/// twice as many. Returns 0 for a table without a key, or whose key was another one before.
absl::StatusOr<std::int64_t> CountAbsent(SqliteConnection& connection, const TableSchema& schema,
                                         const std::string& shadow, std::int64_t may_lose);
/// Returns the first of these keys, in the form of Hold::keys. Empty: the tables have no common key.
absl::StatusOr<std::vector<std::string>> AbsentKeys(SqliteConnection& connection, const TableSchema& schema,
                                                    const std::string& shadow);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LEDGER_H_
