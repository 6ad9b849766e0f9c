#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_FILL_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_FILL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/exchange/exchange_rules.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// Entries of one log that are put into the outbox at a time.
inline constexpr std::int64_t kOutboxPiece = 10'000;

/// In a change: puts what the change logs have and the outbox has not into the outbox: an entry for each
/// column of a row that changed, one for a row that is gone. Of a row that changed several times its present
/// values are told. At most kOutboxPiece entries of each log; true: there are more. What the exchange itself
/// wrote is not told: see LogPositions::MoveToEnd().
///
/// Memory: the keys of a piece, and one row. Errors: those of SqliteFile.
absl::StatusOr<bool> FillOutbox(const SqliteFile& file, const ExchangeRules& rules,
                                const std::string& database, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_FILL_H_
