#include "client/source/mariadb/binlog_place.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

std::optional<BinlogPlace> ParsePlace(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  BinlogPlace place;
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  place.file = text.substr(0, colon);
  if (!absl::SimpleAtoi(text.substr(colon + 1), &place.offset)) return std::nullopt;
  return place;
}

std::optional<binlog::Gtid> ParseGtid(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '-');
  binlog::Gtid gtid;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &gtid.domain) ||
      !absl::SimpleAtoi(parts[1], &gtid.server) || !absl::SimpleAtoi(parts[2], &gtid.number))
    return std::nullopt;
  return gtid;
}

constexpr char kAskingServer[] = "asking which server writes its binlog";
constexpr double kDaySeconds = 86'400;

}  // namespace

std::string ToString(const BinlogPlace& place) { return absl::StrCat(place.file, ":", place.offset); }

std::uint64_t NumberOfBinlog(std::string_view file) {
  std::uint64_t number = 0;
  const std::size_t dot = file.rfind('.');
  if (dot == std::string_view::npos || !absl::SimpleAtoi(std::string(file.substr(dot + 1)), &number))
    return 0;
  return number;
}

std::string_view NameOfBinlogs(std::string_view file) { return file.substr(0, file.rfind('.')); }

bool IsBefore(const BinlogPlace& one, const BinlogPlace& other) {
  if (one.file == other.file) return one.offset < other.offset;
  return NumberOfBinlog(one.file) < NumberOfBinlog(other.file);
}

std::string ToString(const BinlogPosition& position) {
  std::vector<std::string> gtids;
  gtids.reserve(position.gtids.size());
  for (const binlog::Gtid& gtid : position.gtids) gtids.push_back(ToString(gtid));
  return absl::StrCat(ToString(position.again), " ", ToString(position.end), " ", absl::StrJoin(gtids, ","),
                      " ", position.server);
}

std::optional<BinlogPosition> ParseBinlogPosition(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(std::string(text), ' ');
  if (parts.size() != 4) return std::nullopt;
  const std::optional<BinlogPlace> again = ParsePlace(parts[0]), end = ParsePlace(parts[1]);
  if (!again || !end) return std::nullopt;
  std::optional<std::vector<binlog::Gtid>> gtids = ParseGtids(parts[2]);
  BinlogPosition position{.again = *again, .end = *end};
  if (!gtids || !absl::SimpleAtoi(parts[3], &position.server)) return std::nullopt;
  position.gtids = *std::move(gtids);
  return position;
}

std::optional<std::vector<binlog::Gtid>> ParseGtids(std::string_view text) {
  std::vector<binlog::Gtid> gtids;
  for (const absl::string_view part : absl::StrSplit(std::string(text), ',', absl::SkipEmpty())) {
    const std::optional<binlog::Gtid> gtid = ParseGtid(std::string(part));
    if (!gtid) return std::nullopt;
    gtids.push_back(*gtid);
  }
  return gtids;
}

void KeepGtid(const binlog::Gtid& gtid, std::vector<binlog::Gtid>* gtids) {
  const auto place =
      std::lower_bound(gtids->begin(), gtids->end(), gtid.domain,
                       [](const binlog::Gtid& one, std::uint32_t domain) { return one.domain < domain; });
  if (place != gtids->end() && place->domain == gtid.domain) {
    *place = gtid;
  } else {
    gtids->insert(place, gtid);
  }
}

absl::StatusOr<BinlogPlace> ReadBinlogEnd(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(const mariadb::Rows rows,
                   connection.Query("SHOW MASTER STATUS", "asking where its binlog ends"));
  if (rows.rows() == 0 || rows.columns() < 2) {
    return absl::FailedPreconditionError(
        absl::StrCat(connection.dsn().Name(), " writes no binlog: set log_bin, and restart the server"));
  }
  return BinlogPlace{.file = rows.Text(0, 0), .offset = static_cast<std::uint64_t>(rows.Int(0, 1))};
}

absl::StatusOr<std::vector<BinlogPlace>> ReadBinlogFiles(mariadb::Connection& connection) {
  ASSIGN_OR_RETURN(const mariadb::Rows rows,
                   connection.Query("SHOW BINARY LOGS", "asking for its binlog's files"));
  std::vector<BinlogPlace> files;
  for (std::size_t i = 0; i < rows.rows(); ++i)
    files.push_back({.file = rows.Text(i, 0), .offset = static_cast<std::uint64_t>(rows.Int(i, 1))});
  return files;
}

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
  // GTIDs from a copy, before its own binlog began.
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
  // Before 10.6 only days are available.
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
  // The server keeps the file that it writes; its time begins when it is complete.
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
