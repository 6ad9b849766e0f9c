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
  /// As whom the server knows this reader. Who comes later with the same number ends the stream of who was
  /// there.
  std::uint32_t server_id = 0;
  BinlogPlace from;
  /// The server_id of whose binlog that is: another one that answers is kUnavailable. 0: whoever does.
  std::uint32_t of = 0;
  /// Behind the last event the server ends the stream; else it waits for more, and says every `heartbeat`
  /// that there is none.
  bool to_end = false;
  std::chrono::milliseconds heartbeat{1'000};
};

/// The binlog of a server as its replicas have it: raw events, whose checksums are looked at.
///
/// Errors: kNotFound: the file is not there (purged, or it never was); kOutOfRange: it ends before the place;
/// kPermissionDenied: a right is missing; kUnavailable: the server is not there, or ended the stream;
/// kDataLoss: an event is damaged, or none begins at the place; kFailedPrecondition: it writes no binlog, or
/// none that can be read. After one the stream is over. Threads: one; Interrupt() may be called by any.
class BinlogStream {
 public:
  static absl::StatusOr<std::unique_ptr<BinlogStream>> Open(const BinlogStreamOptions& options);
  ~BinlogStream();
  BinlogStream(const BinlogStream&) = delete;
  BinlogStream& operator=(const BinlogStream&) = delete;

  /// The next event, which views the stream up to the next call; absent: the stream is at its end. Of a
  /// stream that waits heartbeats come as such.
  absl::StatusOr<std::optional<binlog::Event>> Next();
  /// Behind the last event; before() it.
  const BinlogPlace& place() const { return place_; }
  const BinlogPlace& before() const { return before_; }
  /// The Next() that waits, and all later ones, give kUnavailable.
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

/// What the server's words for an error of its number 1236 mean, as BinlogStream has it.
absl::StatusCode CodeOfBinlogError(std::string_view words);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_STREAM_H_
