#ifndef MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_STREAM_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_STREAM_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/binlog_event.h"
#include "client/source/mariadb/binlog_place.h"

struct st_mariadb_rpl;

namespace mirror {

struct BinlogStreamOptions {
  mariadb::ConnectAs connect;
  /// The id that the server knows this reader by. If a later reader has the same id, the server ends the
  /// stream of the earlier one.
  std::uint32_t server_id = 0;
  BinlogPlace from;
  /// The server_id of the server that wrote that binlog; 0: any server. If another server answers:
  /// kUnavailable.
  std::uint32_t of = 0;
  /// True: the server ends the stream after the last event. False: it waits for more events, and sends a
  /// heartbeat at this interval.
  bool to_end = false;
  std::chrono::milliseconds heartbeat{1'000};
};

/// The binlog of a server as its replicas receive it: raw events whose checksums were verified.
///
/// Errors: kNotFound: the file does not exist (purged, or never written); kOutOfRange: the file ends before
/// the place; kPermissionDenied: a right is missing; kUnavailable: no connection, or the server ended the
/// stream; kDataLoss: an event is damaged, or no event begins at the place; kFailedPrecondition: the server
/// writes no binlog, or one that cannot be read. An error ends the stream. Threads: one; any thread may call
/// Interrupt().
class BinlogStream {
 public:
  static absl::StatusOr<std::unique_ptr<BinlogStream>> Open(const BinlogStreamOptions& options);
  ~BinlogStream();
  BinlogStream(const BinlogStream&) = delete;
  BinlogStream& operator=(const BinlogStream&) = delete;

  /// Returns the next event, which views the stream until the next call. Absent: the stream has ended. A
  /// stream that waits also returns heartbeats.
  absl::StatusOr<std::optional<binlog::Event>> Next();
  /// The place after the last event, and before() the place before that event.
  const BinlogPlace& place() const { return place_; }
  const BinlogPlace& before() const { return before_; }
  /// Makes Next(), if it waits, and all later calls return kUnavailable.
  void Interrupt();

 private:
  BinlogStream(std::unique_ptr<mariadb::Connection> connection, BinlogPlace from);
  absl::Status Begin(const BinlogStreamOptions& options);
  absl::Status Failed();
  absl::Status Follow(const binlog::Event& event);

  std::unique_ptr<mariadb::Connection> connection_;
  st_mariadb_rpl* rpl_ = nullptr;
  int socket_ = -1;
  BinlogPlace place_, before_;
  bool checksummed_ = false;
};

/// Returns the status code of BinlogStream for the server's message of error 1236.
absl::StatusCode CodeOfBinlogError(std::string_view words);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_STREAM_H_
