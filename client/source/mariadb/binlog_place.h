#ifndef MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_PLACE_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_PLACE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/binlog_event.h"

namespace mirror {

/// A place between two events of a binlog.
struct BinlogPlace {
  std::string file;  ///< "binlog.000003"
  std::uint64_t offset = 4;
  friend bool operator==(const BinlogPlace&, const BinlogPlace&) = default;
};
/// "binlog.000003:1234"
std::string ToString(const BinlogPlace& place);
/// Returns whether a place is before another one; compares the numbers of their files first.
bool IsBefore(const BinlogPlace& one, const BinlogPlace& other);
/// Returns 3 for "binlog.000003"; 0: it has no number.
std::uint64_t NumberOfBinlog(std::string_view file);
/// Returns the part that the names of a binlog's files have in common: log_bin.
std::string_view NameOfBinlogs(std::string_view file);

/// How far the stage has read a binlog.
struct BinlogPosition {
  /// The place from which events are read again, to check that the binlog is the same. It is the begin of the
  /// last event group, or of its file if there is no group yet.
  /// The place up to which events are staged.
  BinlogPlace again;
  BinlogPlace end;
  std::vector<binlog::Gtid> gtids;  ///< The last GTID of each domain, by domain.
  std::uint32_t server = 0;         ///< server_id of the binlog's writer; 0: not known.
  friend bool operator==(const BinlogPosition&, const BinlogPosition&) = default;
};
/// "binlog.000003:1000 binlog.000003:1234 0-1-42,1-1-7 1"
std::string ToString(const BinlogPosition& position);
std::optional<BinlogPosition> ParseBinlogPosition(std::string_view text);
/// Parses "0-1-42,1-1-7", the format of the server's variables.
std::optional<std::vector<binlog::Gtid>> ParseGtids(std::string_view text);
/// Sets the last GTID of its domain.
void KeepGtid(const binlog::Gtid& gtid, std::vector<binlog::Gtid>* gtids);

/// Returns the end of a server's binlog now. Errors: kFailedPrecondition: it writes none; kPermissionDenied.
absl::StatusOr<BinlogPlace> ReadBinlogEnd(mariadb::Connection& connection);
/// Returns the files of a server's binlog, the oldest first, each with its end.
absl::StatusOr<std::vector<BinlogPlace>> ReadBinlogFiles(mariadb::Connection& connection);

/// A server that writes a binlog, and what that binlog contains.
struct BinlogServer {
  std::uint32_t id = 0;          ///< server_id, unique among the servers of one replication.
  std::vector<binlog::Gtid> at;  ///< gtid_binlog_pos: the last GTID of each domain.
  /// The last GTID of each server that ever wrote (gtid_binlog_state), and gtid_slave_pos.
  std::vector<binlog::Gtid> has;
};
absl::StatusOr<BinlogServer> ReadBinlogServer(mariadb::Connection& connection);

/// How a server relates to a position in a binlog, whatever its address is.
enum class BinlogDescent {
  kSame,     ///< The server wrote the position.
  kFollows,  ///< Another server of the same replication. It has everything that was read.
  kBehind,   ///< The same replication, but the server lacks a part of it, or that is not known.
  kOther,    ///< The server never had a transaction of the server that wrote the position.
};
BinlogDescent DescentOf(const BinlogServer& server, const BinlogPosition& position);

/// Returns the seconds until the server removes the file with this place. `time_s`: when the place was
/// written (unix time; 0: not known). `last`: the file that is being written. Absent: the server never
/// removes it by itself, or that is not known.
absl::StatusOr<std::optional<double>> SecondsToPurge(mariadb::Connection& connection,
                                                     const BinlogPlace& place, std::int64_t time_s,
                                                     const BinlogPlace& last, std::int64_t now_s);
/// Returns the seconds for which the server keeps its binlog; absent: forever.
absl::StatusOr<std::optional<std::int64_t>> ReadBinlogKeptSeconds(mariadb::Connection& connection);

/// Returns the bytes of the server's files after the place.
std::int64_t BytesBehind(const std::vector<BinlogPlace>& files, const BinlogPlace& place);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_PLACE_H_
