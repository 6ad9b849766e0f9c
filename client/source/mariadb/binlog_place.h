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
/// Compares the numbers of their files first.
bool IsBefore(const BinlogPlace& one, const BinlogPlace& other);
/// Returns 3 for "binlog.000003"; 0: it has no number.
std::uint64_t NumberOfBinlog(std::string_view file);
/// Returns the common part of the names of a binlog's files: log_bin.
std::string_view NameOfBinlogs(std::string_view file);

/// How far the stage has read a binlog.
struct BinlogPosition {
  /// The begin of the events that are read again to check that the binlog is the same: of the last event
  /// group, or of its file if there is no group yet.
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
/// Replaces the GTID of the same domain.
void KeepGtid(const binlog::Gtid& gtid, std::vector<binlog::Gtid>* gtids);

/// Returns the end of a server's binlog now. Errors: kFailedPrecondition: it writes none; kPermissionDenied.
absl::StatusOr<BinlogPlace> ReadBinlogEnd(mariadb::Connection& connection);
/// Returns its files, the oldest first, each with its end.
absl::StatusOr<std::vector<BinlogPlace>> ReadBinlogFiles(mariadb::Connection& connection);

/// The writer of a binlog, and the servers whose changes it contains.
struct BinlogServer {
  std::uint32_t id = 0;          ///< server_id, unique among the servers of one replication.
  std::vector<binlog::Gtid> at;  ///< gtid_binlog_pos: the last GTID of each domain.
  /// gtid_binlog_state, the last GTID of each server that ever wrote, and gtid_slave_pos.
  std::vector<binlog::Gtid> has;
};
absl::StatusOr<BinlogServer> ReadBinlogServer(mariadb::Connection& connection);

/// How a server relates to a position in a binlog, at any address.
enum class BinlogDescent {
  kSame,     ///< It wrote the position.
  kFollows,  ///< Another server of the same replication, which has everything that was read.
  kBehind,   ///< The same replication, but it lacks a part; or this is unknown.
  kOther,    ///< It never had anything of the position's writer.
};
BinlogDescent DescentOf(const BinlogServer& server, const BinlogPosition& position);

/// Returns the seconds until the server removes the place, written at `time_s` (unix time; 0: not known),
/// when `last` is the file being written. Absent: it never does so by itself, or that is not known.
absl::StatusOr<std::optional<double>> SecondsToPurge(mariadb::Connection& connection,
                                                     const BinlogPlace& place, std::int64_t time_s,
                                                     const BinlogPlace& last, std::int64_t now_s);
/// How long the server keeps its binlog; absent: forever.
absl::StatusOr<std::optional<std::int64_t>> ReadBinlogKeptSeconds(mariadb::Connection& connection);

/// Returns the bytes of the server's files after the place.
std::int64_t BytesBehind(const std::vector<BinlogPlace>& files, const BinlogPlace& place);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_PLACE_H_
