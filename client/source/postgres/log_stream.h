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

/// The server's description of itself on a replication connection.
struct LogServer {
  std::string system_id;
  std::int64_t timeline = 0;
  std::uint64_t flushed_lsn = 0;
};

/// A logical replication slot read as a stream: pgoutput, protocol version 1, with emitted messages. The
/// server gets an answer as often as its wal_sender_timeout requires. If the caller is busy for long, a
/// thread answers, up to kAnswersAlone; then the server ends the stream. Answers except Confirm() report what
/// was received, never what may be dropped: so a server that stops does not wait for the agent, and commits
/// never wait for it as for a standby. Threads: one.
class LogStream {
 public:
  /// Limit without a call of Next() or Confirm().
  static constexpr std::chrono::minutes kAnswersAlone{10};
  /// Limit for a slot that another process still has, such as that of a lost connection.
  static constexpr std::chrono::milliseconds kSlotWithin{5'000};

  /// `from`: the confirmed position to continue from; 0: the slot's; if lower than that, the slot's is used.
  /// Errors (see LogTroubleOf()): kNotFound: there is no such slot; kUnavailable: the server is not reached,
  /// has no free slot, or it is in use (the message names the process); kFailedPrecondition: it is lost or no
  /// mirror's, or a right is missing; kOutOfRange: the server's log does not reach `from` yet.
  static absl::StatusOr<std::unique_ptr<LogStream>> Open(const PostgresAccess& access,
                                                         const std::string& slot,
                                                         const std::string& publication, std::uint64_t from,
                                                         std::chrono::milliseconds slot_within = kSlotWithin);
  virtual ~LogStream() = default;

  virtual const LogServer& server() const = 0;
  /// Returns the next message, valid until the next call; absent: none arrived within this time. Errors end
  /// the stream: kUnavailable: the connection is lost, or the server stops; kFailedPrecondition: the
  /// publication did not exist at the slot's position.
  virtual absl::StatusOr<std::optional<std::string_view>> Next(std::chrono::milliseconds within) = 0;
  /// Confirms that everything below is on the agent's disk: the server may drop it. Sent at once. No effect
  /// if not above the last one. Errors: kInvalidArgument: the log was not received so far; those of Next().
  virtual absl::Status Confirm(std::uint64_t lsn) = 0;
  /// Asks the server how far it has read its log: received() tells after a later Next(). Errors: those of
  /// Next().
  virtual absl::Status AskEnd() = 0;
  /// Returns the position below which Next() has returned everything, between two transactions.
  virtual std::uint64_t received() const = 0;
  /// Returns the position up to which the server had read its log at its last message.
  virtual std::uint64_t server_end() const = 0;
};

/// The point at which one timeline branched from another.
struct TimelineSwitch {
  std::int64_t timeline = 0;  ///< The timeline that was left.
  std::uint64_t lsn = 0;      ///< The first position that is not on it.
};
/// Returns the ancestors of this timeline of the server, the oldest first; for timeline 1: none. Uses a
/// connection of its own.
absl::StatusOr<std::vector<TimelineSwitch>> ReadTimelineHistory(const PostgresAccess& access,
                                                                std::int64_t timeline);
/// Parses a history file. Errors: kDataLoss.
absl::StatusOr<std::vector<TimelineSwitch>> ParseTimelineHistory(std::string_view file);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_STREAM_H_
