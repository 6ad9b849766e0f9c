#include "client/source/mariadb/log/binlog_place.h"

#include <algorithm>
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
        absl::StrCat(connection.dsn().Name(), " writes no binlog: set log_bin, and start it again"));
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

}  // namespace mirror
