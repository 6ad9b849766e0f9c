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
  /// The id by which the server knows this reader. A later reader with the same number ends the stream of the
  /// earlier one.
  std::uint32_t server_id = 0;
  BinlogPlace from;
  /// The server_id of that binlog's writer: kUnavailable if another server answers. 0: any server.
  std::uint32_t of = 0;
  /// The server ends the stream after the last event; false: it waits for more, and sends a heartbeat at this
  /// interval.
  bool to_end = false;
  std::chrono::milliseconds heartbeat{1'000};
};

/// The binlog of a server as its replicas receive it: raw events, with verified checksums.
///
/// Errors: kNotFound: the file does not exist (purged, or never written); kOutOfRange: it ends before the
/// place; kPermissionDenied: a right is missing; kUnavailable: no connection, or the server ended the stream;
/// kDataLoss: an event is damaged, or none begins at the place; kFailedPrecondition: it writes no binlog, or
/// none that can be read. An error ends the stream. Threads: one; any thread may call Interrupt().
class BinlogStream {
 public:
  static absl::StatusOr<std::unique_ptr<BinlogStream>> Open(const BinlogStreamOptions& options);
  ~BinlogStream();
  BinlogStream(const BinlogStream&) = delete;
  BinlogStream& operator=(const BinlogStream&) = delete;

  /// Returns the next event, which views the stream until the next call; absent: the stream has ended. A
  /// stream that waits returns heartbeats as events.
  absl::StatusOr<std::optional<binlog::Event>> Next();
  /// The place after the last event; before(): the place before it.
  const BinlogPlace& place() const { return place_; }
  const BinlogPlace& before() const { return before_; }
  /// Makes the waiting Next(), and all later ones, return kUnavailable.
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

/// Returns the status code of BinlogStream for the server's message of its error 1236.
absl::StatusCode CodeOfBinlogError(std::string_view words);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_STREAM_H_
