#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_H_

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

/// Entries of an application's outbox that are taken at a time, and of those that were not understood before.
inline constexpr std::int64_t kTakenAtOnce = 10'000;
inline constexpr std::int64_t kUnreadAtOnce = 1'000;

/// An entry whose object_table or object_id is longer names no row.
inline constexpr std::int64_t kNamedBytesMax = 8'192;

/// In a change: whatever rows the application's outbox names, behind those that were taken, are sent by the
/// next push as they stand. Only table and key of an entry are looked at: its values, and above all its
/// command, are nothing. One that names no row which could be sent is kept in mind, and looked at again each
/// time. True: there are more.
///
/// Memory: the entries of a piece, each of 2 * kNamedBytesMax at most. Errors: those of BoxSql.
absl::StatusOr<bool> TakeOutbox(BoxSource& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_H_
