#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_LOG_STREAM_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_LOG_STREAM_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

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

/// A logical replication slot read as a stream, pgoutput in protocol version 1 with emitted messages. The server
/// is answered by Next() and Confirm(), at least every ten seconds of its time while one of them is called.
/// Threads: one; `stop` may be set by another.
class LogStream {
 public:
  /// `from`: the confirmed position to go on from, 0: that of the slot. Errors: kNotFound: there is no such slot;
  /// kUnavailable: the server cannot be reached, or the slot is in use (the message names the process);
  /// kFailedPrecondition: it is lost, or a right is missing.
  static absl::StatusOr<std::unique_ptr<LogStream>> Open(const PostgresAccess& access, const std::string& slot,
                                                         const std::string& publication, std::uint64_t from);
  virtual ~LogStream() = default;

  virtual const LogServer& server() const = 0;
  /// The next message's data, valid up to the next call; absent: none came within this time.
  virtual absl::StatusOr<std::optional<std::string_view>> Next(std::chrono::milliseconds within) = 0;
  /// What lies below is on our disk: the server may drop it. Told at once.
  virtual absl::Status Confirm(std::uint64_t lsn) = 0;
  /// The server's end of log as of its last message.
  virtual std::uint64_t server_end() const = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_LOG_STREAM_H_
