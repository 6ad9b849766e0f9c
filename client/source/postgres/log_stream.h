#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STREAM_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STREAM_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/postgres/postgres_sessions.h"

namespace mirror {

/// What a server says of itself on a replication connection.
struct LogServer {
  std::string system_id;
  std::int64_t timeline = 0;
  std::uint64_t flushed_lsn = 0;
};

/// A logical replication slot read as a stream, pgoutput in protocol version 1 with emitted messages. The
/// server is answered as often as its wal_sender_timeout wants it, by a thread of its own where the caller is
/// away for long, up to kAnswersAlone: behind that the server ends the stream. Answers but Confirm() tell it
/// what has come, never what it may drop: a server that stops waits for no one then, and none takes this for
/// a standby that commits have to wait for. Threads: one.
class LogStream {
 public:
  /// Without a call of Next() or Confirm().
  static constexpr std::chrono::minutes kAnswersAlone{10};
  /// For a slot that another process still has, as that of a connection that is gone.
  static constexpr std::chrono::milliseconds kSlotWithin{5'000};

  /// `from`: the confirmed position to go on from, 0: that of the slot; below that, the slot's counts. Errors
  /// (see LogTroubleOf()): kNotFound: there is no such slot; kUnavailable: the server cannot be reached, it
  /// has none free, or the slot is in use (the message names the process); kFailedPrecondition: it is lost or
  /// not a mirror's, or a right is missing; kOutOfRange: `from` is not in the server's log yet.
  static absl::StatusOr<std::unique_ptr<LogStream>> Open(const PostgresAccess& access,
                                                         const std::string& slot,
                                                         const std::string& publication, std::uint64_t from,
                                                         std::chrono::milliseconds slot_within = kSlotWithin);
  virtual ~LogStream() = default;

  virtual const LogServer& server() const = 0;
  /// The next message's data, valid up to the next call; absent: none came within this time. Errors end the
  /// stream: kUnavailable: the connection is lost, or the server stops; kFailedPrecondition: there was no
  /// publication where the slot stands.
  virtual absl::StatusOr<std::optional<std::string_view>> Next(std::chrono::milliseconds within) = 0;
  /// What lies below is on our disk: the server may drop it. Told at once. One that is not above the one
  /// before changes nothing. Errors: kInvalidArgument: nothing has come from there; those of Next().
  virtual absl::Status Confirm(std::uint64_t lsn) = 0;
  /// Up to where the server had read its log as of its last message.
  virtual std::uint64_t server_end() const = 0;
};

/// Where a timeline left the one before.
struct TimelineSwitch {
  std::int64_t timeline = 0;  ///< The one that was left.
  std::uint64_t lsn = 0;      ///< The first position that is not of it.
};
/// From which timelines this one of the server descends, the oldest first; of timeline 1: none. It takes a
/// connection of its own.
absl::StatusOr<std::vector<TimelineSwitch>> ReadTimelineHistory(const PostgresAccess& access,
                                                                std::int64_t timeline);
/// Of a history file. Errors: kDataLoss.
absl::StatusOr<std::vector<TimelineSwitch>> ParseTimelineHistory(std::string_view file);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STREAM_H_
