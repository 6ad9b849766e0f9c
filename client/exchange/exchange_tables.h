#ifndef MIRROR_CLIENT_EXCHANGE_EXCHANGE_TABLES_H_
#define MIRROR_CLIENT_EXCHANGE_EXCHANGE_TABLES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"

// Tables of the exchange in a source, so that they are restored and copied with the rows that they describe:
//
//   _mirror_exchange  one row: the cycle that was about to be completed, the last completed cycle,
//                     and the number of the newest row of the ledger
//   _mirror_inbox     deliveries that were fetched and not yet imported
//   _mirror_ledger    results of deliveries, see proto/wire/exchange/ledger.h
//
// ChangeLog::Uninstall() removes them with its own tables.

namespace mirror {

/// Returns the ledger's columns for CREATE TABLE, which only this function lists. `number`, `text`,
/// `key`: SQL types of whole numbers, of texts and of the key; `quote`: the quotation mark of names.
std::string LedgerColumns(std::string_view number, std::string_view text, std::string_view key,
                          std::string_view quote = "\"");
/// Returns kFailedPrecondition for a place with this name: "the source '/a.db'".
absl::Status ExchangeTablesMissing(const std::string& place);

/// Makes the tables; harmless if they exist. `file`: opened with Use::kChange. False: they existed.
/// Errors: those of SqliteFile; kFailedPrecondition: the source lacks what the exchange needs.
absl::StatusOr<bool> MakeExchangeTables(const SqliteFile& file);

/// kFailedPrecondition: the tables do not exist, or the source lacks what the exchange needs. Only reads.
absl::Status CheckExchangeTables(const SqliteFile& file);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_EXCHANGE_TABLES_H_
