#ifndef MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_H_
#define MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/exchange/box_source.h"

namespace mirror {

/// Changes of one table that are put into the outbox at a time.
inline constexpr std::int64_t kOutboxPiece = 10'000;

/// Adds changes that are not in the outbox yet: one entry for each changed column of a row,
/// one entry for a deleted row. For a row that changed several times, the entries have its
/// present values. At most kOutboxPiece changes of each table; true: there are more. Writes of
/// the exchange itself are left out: see BoxSource::HideImport(). To be called in a change.
///
/// Memory: the keys of a piece, and one row. Errors: those of BoxSql.
absl::StatusOr<bool> FillOutbox(BoxSource& source, const std::string& database, std::int64_t now_ms);

/// Maximum of new entries of an application's outbox taken at a time, and of retried unreadable ones.
inline constexpr std::int64_t kTakenAtOnce = 10'000;
inline constexpr std::int64_t kUnreadAtOnce = 1'000;

/// An entry whose object_table or object_id is longer names no row.
inline constexpr std::int64_t kNamedBytesMax = 8'192;

/// Makes the next push send the current state of each row that new entries of the
/// application's outbox name. Only table and key of an entry are used; its values, and
/// above all its command, are ignored. An entry that names no row that could be sent is
/// remembered, and checked again each time. True: there are more. To be called in a change.
///
/// Memory: the entries of a piece, each of 2 * kNamedBytesMax at most. Errors: those of BoxSql.
absl::StatusOr<bool> TakeOutbox(BoxSource& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_DATAJOIN_OUTBOX_H_
