#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_RECEIPT_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_RECEIPT_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/receipt.h"
#include "server/plan/receipt_plan.h"
#include "server/store/mirror_contents.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"

// The chain of receipts. Its head is updated in the transaction of the rows that the receipt covers.

namespace mirror {

/// Kinds of rows in `_mirror_receipts`. Databases contain these numbers.
enum class ReceiptKind : std::uint8_t {
  kReceipt = 1,
  kOpen = 2,
  kPart = 3,  ///< A piece of a large value; `number` is its id.
};

/// The query of SelectReceiptHead(), for a pipeline, and a function that reads its result.
std::string ReceiptHeadSql(const PostgresOwnTables& names);
ReceiptHead ReceiptHeadOf(const postgres::Rows& rows);
absl::StatusOr<ReceiptHead> SelectReceiptHead(postgres::Connection& connection,
                                              const PostgresOwnTables& names);
/// Returns the texts of receipts with numbers greater than `after`, oldest first.
absl::StatusOr<std::vector<std::string>> SelectReceipts(postgres::Connection& connection,
                                                        const PostgresOwnTables& names, std::uint64_t after,
                                                        std::size_t count_max);
/// Returns all receipts, ordered by number.
absl::StatusOr<std::vector<KeptReceipt>> SelectKeptReceipts(postgres::Connection& connection,
                                                            const PostgresOwnTables& names);
void InsertReceipt(OwnWrites& writes, const PostgresOwnTables& names, std::uint64_t number,
                   const std::string& text);
/// Deletes the receipts up to number `through`, inclusive.
void RemoveReceipts(OwnWrites& writes, const PostgresOwnTables& names, std::uint64_t through);

/// The query for the open receipts of the tables in $1, which is KeysOf(), and a function that reads its
/// result: by folded name.
std::string OpenReceiptsSql(const PostgresOwnTables& names);
absl::StatusOr<std::map<std::string, OpenReceipt>> OpenReceiptsOf(const postgres::Rows& rows,
                                                                  const PostgresOwnTables& names);
absl::StatusOr<std::optional<OpenReceipt>> SelectOpenReceipt(postgres::Connection& connection,
                                                             const PostgresOwnTables& names,
                                                             const std::string& table);
/// Returns the open receipts of all tables.
absl::StatusOr<std::vector<OpenReceiptOfTable>> SelectOpenReceipts(postgres::Connection& connection,
                                                                   const PostgresOwnTables& names);
void WriteOpenReceipt(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table,
                      const OpenReceipt& open);
/// Called when the table was removed.
void ForgetOpenReceipt(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_RECEIPT_ROWS_H_
