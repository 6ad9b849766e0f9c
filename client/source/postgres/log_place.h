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

/// Where a server stands in its log.
struct LogPlace {
  bool in_recovery = false;       ///< A standby: nothing can be written there, no marker, too.
  std::int64_t timeline = 0;      ///< Of a standby: that of its last checkpoint.
  std::uint64_t flushed_lsn = 0;  ///< Of a standby: up to where it has replayed.
};
absl::StatusOr<LogPlace> LookAtLog(postgres::Connection& connection);

/// The prefix of the messages that EmitMarker() writes: see pgoutput::Emitted.
inline constexpr std::string_view kMarkerPrefix = "mirror";

/// Writes a transaction into the log that holds nothing but this message, which needs no right, by a session
/// outside of transactions that may be told to read only; no standby is waited for. Gives a position in the
/// log that its commit lies at or behind. Errors: kUnavailable, by which it may have been written all the
/// same; one more does no harm.
absl::StatusOr<std::uint64_t> EmitMarker(postgres::Connection& connection, const std::string& token);

/// Whether a timeline with this history (see ReadTimelineHistory()) comes from `earlier`.
bool DescendsFrom(const std::vector<TimelineSwitch>& history, std::int64_t earlier);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_PLACE_H_
