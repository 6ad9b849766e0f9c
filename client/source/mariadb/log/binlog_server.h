#ifndef MIRROR_CLIENT_SOURCE_MARIADB_LOG_BINLOG_SERVER_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_LOG_BINLOG_SERVER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/source/mariadb/log/binlog_place.h"

namespace mirror {

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

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_LOG_BINLOG_SERVER_H_
