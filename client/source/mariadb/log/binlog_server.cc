#include "client/source/mariadb/log/binlog_server.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/numbers.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr char kAskingServer[] = "asking who writes its binlog";
constexpr double kDaySeconds = 86'400;

}  // namespace

absl::StatusOr<BinlogServer> ReadBinlogServer(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(
      const mariadb::Rows rows,
      connection.Query("SELECT @@global.server_id, @@global.gtid_binlog_pos, @@global.gtid_binlog_state, "
                       "@@global.gtid_slave_pos",
                       kAskingServer));
  const auto gtids = [&rows](std::size_t column) {
    return ParseGtids(rows.Text(0, column)).value_or(std::vector<binlog::Gtid>());
  };
  BinlogServer server;
  server.id = static_cast<std::uint32_t>(rows.Int(0, 0));
  server.at = gtids(1);
  server.has = gtids(2);
  // What came with a copy, before its own binlog began.
  for (const binlog::Gtid& gtid : gtids(3)) server.has.push_back(gtid);
  return server;
}

BinlogDescent DescentOf(const BinlogServer& server, const BinlogPosition& position) {
  if (position.server == 0 || position.server == server.id) return BinlogDescent::kSame;
  bool has_any = position.gtids.empty(), has_all = !position.gtids.empty();
  for (const binlog::Gtid& read : position.gtids) {
    std::uint64_t last = 0;
    for (const binlog::Gtid& one : server.has) {
      if (one.domain == read.domain && one.server == read.server) last = std::max(last, one.number);
    }
    has_any = has_any || last > 0;
    has_all = has_all && last >= read.number;
  }
  if (!has_any) return BinlogDescent::kOther;
  return has_all ? BinlogDescent::kFollows : BinlogDescent::kBehind;
}

absl::StatusOr<std::optional<std::int64_t>> ReadBinlogKeptSeconds(mariadb::Connection& connection) {
  // Before 10.6 there are days alone.
  ASSIGN_OR_RETURN(
      const mariadb::Rows rows,
      connection.Query(
          "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('binlog_expire_logs_seconds', 'expire_logs_days')",
          "asking how long it keeps its binlog"));
  double kept = 0;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    double value = 0;
    if (!absl::SimpleAtod(rows.Text(i, 1), &value)) continue;
    if (rows.Text(i, 0) == "expire_logs_days") value *= kDaySeconds;
    kept = std::max(kept, value);
  }
  if (kept <= 0) return std::nullopt;
  return std::llround(kept);
}

absl::StatusOr<std::optional<double>> SecondsToPurge(mariadb::Connection& connection,
                                                     const BinlogPlace& place, std::int64_t time_s,
                                                     const BinlogPlace& last, std::int64_t now_s) {
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> kept, ReadBinlogKeptSeconds(connection));
  if (!kept) return std::nullopt;
  // The file that is written to stays, and its time begins when it is none any more.
  if (place.file == last.file) return static_cast<double>(*kept);
  if (time_s == 0) return std::nullopt;
  return static_cast<double>(std::max<std::int64_t>(time_s + *kept - now_s, 0));
}

std::int64_t BytesBehind(const std::vector<BinlogPlace>& files, const BinlogPlace& place) {
  std::int64_t bytes = 0;
  for (const BinlogPlace& file : files) {
    if (IsBefore(file, place)) continue;
    const std::uint64_t from = file.file == place.file ? place.offset : 0;
    bytes += static_cast<std::int64_t>(file.offset - from);
  }
  return bytes;
}

}  // namespace mirror
