#ifndef MIRROR_CLIENT_EXCHANGE_EXCHANGE_TABLES_H_
#define MIRROR_CLIENT_EXCHANGE_EXCHANGE_TABLES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/sqlite/file/sqlite_file.h"

// What the exchange keeps in a source, so that it is restored and copied with the rows that it tells of:
//
//   _mirror_exchange  one row: the cycle that was about to be completed, the last one that is known to be,
//                     and the number of the newest row of the ledger
//   _mirror_inbox     deliveries that were fetched and not yet imported
//   _mirror_ledger    what was done with them, see proto/wire/exchange/ledger.h
//
// ChangeLog::Uninstall() removes them with its own.

namespace mirror {

/// For CREATE TABLE: the columns of the ledger as it is announced, which are said there alone. The types of
/// whole numbers, of texts and of the key in SQL; what stands around names.
std::string LedgerColumns(std::string_view number, std::string_view text, std::string_view key,
                          std::string_view quote = "\"");
/// kFailedPrecondition, of a place that is named so: "the source '/a.db'".
absl::Status ExchangeTablesMissing(const std::string& place);

/// Makes them; harmless where they are there. `file`: opened with Use::kChange. False: they were there.
/// Errors: those of SqliteFile; kFailedPrecondition: the source lacks what the exchange needs.
absl::StatusOr<bool> MakeExchangeTables(const SqliteFile& file);

/// kFailedPrecondition: they are not there, or the source lacks what the exchange needs. Only reads.
absl::Status CheckExchangeTables(const SqliteFile& file);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_EXCHANGE_TABLES_H_
