#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_RECEIPTS_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_RECEIPTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/receipt_plan.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// The chain of receipts, in the mirror's own file. The head is the last row of `_mirror_receipts`. It is
// written in the transaction of the rows that it covers.

namespace mirror {

absl::Status CreateReceiptTables(SqliteConnection& connection);

absl::StatusOr<ReceiptHead> SelectReceiptHead(SqliteConnection& connection);
/// Reads the texts of receipts above number `after`, oldest first.
absl::StatusOr<std::vector<std::string>> SelectReceipts(SqliteConnection& connection, std::uint64_t after,
                                                        std::size_t count_max);

// The following functions run inside the caller's transaction.

absl::Status InsertReceipt(SqliteConnection& connection, std::uint64_t number, const std::string& text);
/// Removes receipts with numbers up to `through`.
absl::Status RemoveReceipts(SqliteConnection& connection, std::uint64_t through);
absl::StatusOr<std::optional<OpenReceipt>> SelectOpenReceipt(SqliteConnection& connection,
                                                             const std::string& table);
absl::Status WriteOpenReceipt(SqliteConnection& connection, const std::string& table,
                              const OpenReceipt& open);

/// Returns the SHA-256 of a value that came in parts.
absl::StatusOr<std::string> HashParts(SqliteConnection& connection, const std::string& table,
                                      std::int64_t cycle, std::uint64_t value_id);

/// Removes the open receipt of a dropped table.
absl::Status ForgetOpenReceipt(SqliteConnection& connection, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_RECEIPTS_H_
