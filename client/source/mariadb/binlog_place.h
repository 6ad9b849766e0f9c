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
/// By the numbers of their files.
bool IsBefore(const BinlogPlace& one, const BinlogPlace& other);
/// Of "binlog.000003" 3; 0: it has none.
std::uint64_t NumberOfBinlog(std::string_view file);
/// What all files of one binlog have in common: log_bin.
std::string_view NameOfBinlogs(std::string_view file);

/// How far the stage has come in a binlog.
struct BinlogPosition {
  /// The begin of what is read again to see whether it is still what it was: the last event group's, or of
  /// its file, where there is no group yet.
  BinlogPlace again;
  BinlogPlace end;
  std::vector<binlog::Gtid> gtids;  ///< The last one of each domain, by domain.
  std::uint32_t server = 0;         ///< The server_id of who wrote it; 0: it is not known.
  friend bool operator==(const BinlogPosition&, const BinlogPosition&) = default;
};
/// "binlog.000003:1000 binlog.000003:1234 0-1-42,1-1-7 1"
std::string ToString(const BinlogPosition& position);
std::optional<BinlogPosition> ParseBinlogPosition(std::string_view text);
/// "0-1-42,1-1-7", as the server's variables have them.
std::optional<std::vector<binlog::Gtid>> ParseGtids(std::string_view text);
/// The last one of its domain from here on.
void KeepGtid(const binlog::Gtid& gtid, std::vector<binlog::Gtid>* gtids);

/// Where a server's binlog ends now. Errors: kFailedPrecondition: it writes none; kPermissionDenied.
absl::StatusOr<BinlogPlace> ReadBinlogEnd(mariadb::Connection& connection);
/// Its files, the oldest one first, each with its end.
absl::StatusOr<std::vector<BinlogPlace>> ReadBinlogFiles(mariadb::Connection& connection);

/// Who writes a binlog, and whose changes stand in it.
struct BinlogServer {
  std::uint32_t id = 0;          ///< server_id, that of no other one of the same replication.
  std::vector<binlog::Gtid> at;  ///< gtid_binlog_pos: the last one of each domain.
  /// gtid_binlog_state, the last one of each server that ever wrote, and gtid_slave_pos.
  std::vector<binlog::Gtid> has;
};
absl::StatusOr<BinlogServer> ReadBinlogServer(mariadb::Connection& connection);

/// What a server is to a position in a binlog, whatever its address.
enum class BinlogDescent {
  kSame,     ///< The one that wrote it.
  kFollows,  ///< Another one of the same replication, which has all that was read.
  kBehind,   ///< The same, and lacks some of it; or that cannot be told.
  kOther,    ///< It never had anything of the one that wrote it.
};
BinlogDescent DescentOf(const BinlogServer& server, const BinlogPosition& position);

/// Seconds until the server removes what is at the place, which was written at `time_s` (unix time; 0: not
/// known), when it writes into `last` now. Absent: it never does by itself, or that is not known.
absl::StatusOr<std::optional<double>> SecondsToPurge(mariadb::Connection& connection,
                                                     const BinlogPlace& place, std::int64_t time_s,
                                                     const BinlogPlace& last, std::int64_t now_s);
/// How long the server keeps its binlog; absent: for ever.
absl::StatusOr<std::optional<std::int64_t>> ReadBinlogKeptSeconds(mariadb::Connection& connection);

/// Of the server's files what lies behind the place.
std::int64_t BytesBehind(const std::vector<BinlogPlace>& files, const BinlogPlace& place);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_BINLOG_PLACE_H_
