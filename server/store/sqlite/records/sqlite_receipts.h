#ifndef MIRROR_SERVER_STORE_SQLITE_RECORDS_SQLITE_RECEIPTS_H_
#define MIRROR_SERVER_STORE_SQLITE_RECORDS_SQLITE_RECEIPTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/receipt_plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// The chain of receipts, in the mirror's own file: its head is the last row of `_mirror_receipts`, and moves
// in the transaction of the rows that it speaks of.

namespace mirror {

absl::Status CreateReceiptTables(SqliteConnection& connection);

absl::StatusOr<ReceiptHead> SelectReceiptHead(SqliteConnection& connection);
/// Texts of those with a greater number, oldest first.
absl::StatusOr<std::vector<std::string>> SelectReceipts(SqliteConnection& connection, std::uint64_t after,
                                                        std::size_t count_max);

/// Inside the caller's transaction, when the batch of `step` was applied and before its parts are forgotten.
/// `text` gets the receipt of a commit; it stays empty when there is none.
absl::Status KeepReceipt(SqliteConnection& connection, const std::string& context_id,
                         const std::string& table, const Position& position, const ReceiptStep& step,
                         const std::vector<std::string>& values, std::string* text);

/// SHA-256 of a value that came in parts.
absl::StatusOr<std::string> HashParts(SqliteConnection& connection, const std::string& table,
                                      std::int64_t cycle, std::uint64_t value_id);

/// The table is gone.
absl::Status ForgetOpenReceipt(SqliteConnection& connection, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_RECORDS_SQLITE_RECEIPTS_H_
