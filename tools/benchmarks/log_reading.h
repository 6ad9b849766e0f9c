#ifndef MIRROR_TOOLS_BENCHMARKS_LOG_READING_H_
#define MIRROR_TOOLS_BENCHMARKS_LOG_READING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

// What it takes to read the change log of a source's server as an agent does.

namespace mirror::bench {

struct LogReading {
  std::uint64_t changes = 0, bytes = 0;  ///< Bytes as the server sends them.
  double seconds = 0;
};

/// Decodes PostgreSQL's log from where the slot stands to now. Nothing is confirmed, so it may be read again.
absl::StatusOr<LogReading> DecodePostgresLog(const std::string& url, const std::string& slot,
                                             const std::string& publication);

/// Decodes MariaDB's binlog from "FILE:OFFSET" to its end. `dsn`: see mariadb::ReadDsn(), of a user who may
/// read the tables, too.
absl::StatusOr<LogReading> DecodeBinlog(const std::string& dsn, const std::string& from);

/// Takes what a source's log has into the agent's stage, as the agent's next run does before it sends.
/// `changes` and `bytes` are not counted.
absl::StatusOr<LogReading> StageLog(const std::string& config, const std::string& context_id);

/// In one line of JSON.
std::string LogReadingJson(const LogReading& reading);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_LOG_READING_H_
