#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_FILL_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_FILL_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"

namespace mirror {

/// Changes of one table that are put into the outbox at a time.
inline constexpr std::int64_t kOutboxPiece = 10'000;

/// In a change: puts what changed and is not in the outbox into the outbox: an entry for each column of a
/// row that changed, one for a row that is gone. Of a row that changed several times its present values are
/// told. At most kOutboxPiece changes of each table; true: there are more. What the exchange itself
/// wrote is not told: see BoxSource::HideImport().
///
/// Memory: the keys of a piece, and one row. Errors: those of BoxSql.
absl::StatusOr<bool> FillOutbox(BoxSource& source, const std::string& database, std::int64_t now_ms);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_FILL_H_
