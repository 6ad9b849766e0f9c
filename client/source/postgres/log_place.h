#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_PLACE_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_PLACE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/source/postgres/log_stream.h"

namespace mirror {

/// A server's present position in its log.
struct LogPlace {
  bool in_recovery = false;       ///< A standby: nothing can be written there, not even a marker.
  std::int64_t timeline = 0;      ///< For a standby: of its last checkpoint.
  std::uint64_t flushed_lsn = 0;  ///< For a standby: its replay position.
};
absl::StatusOr<LogPlace> LookAtLog(postgres::Connection& connection);

/// The prefix of the messages that EmitMarker() writes: see pgoutput::Emitted.
inline constexpr std::string_view kMarkerPrefix = "mirror";

/// Writes a transaction with only this message into the log; this needs no right. The session is outside
/// of transactions and may be read only by default; no standby is awaited. Returns a position in the log
/// at or before the commit. Errors: kUnavailable: the message may have been written; another one is
/// harmless.
absl::StatusOr<std::uint64_t> EmitMarker(postgres::Connection& connection, const std::string& token);

/// Whether a timeline with this history (see ReadTimelineHistory()) descends from `earlier`.
bool DescendsFrom(const std::vector<TimelineSwitch>& history, std::int64_t earlier);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_PLACE_H_
