#ifndef MIRROR_TOOLS_BENCHMARKS_SOURCE_READING_H_
#define MIRROR_TOOLS_BENCHMARKS_SOURCE_READING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

// What it takes to read the change log of a source's server as an agent does.

namespace mirror::bench {

/// What it took to read all tables of a source as an agent does, without sending anything.
struct SourceReading {
  std::uint64_t rows = 0, bytes = 0;  ///< Bytes as they would weigh on the wire, roughly.
  double first_look_seconds = 0;      ///< Schema() of a source that is not known yet: finds the types.
  double seconds = 0;                 ///< Reading the rows, once the types are known.
};

/// A SQLite file, a PostgreSQL database by its "postgresql://" URL, "mariadb:" and a DSN
/// (mariadb::ReadDsn()), or "odbc:" and a connection string. Errors: the reader's.
absl::StatusOr<SourceReading> ReadSource(const std::string& place);

/// In one line of JSON.
std::string ReadingJson(const SourceReading& reading);

/// The rows of a statement by ODBC's own calls: each column bound as a text, SQLFetch until there is none.
/// `connection`: an ODBC connection string. Errors: the driver's.
absl::StatusOr<SourceReading> FetchBare(const std::string& connection, const std::string& sql);

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

#endif  // MIRROR_TOOLS_BENCHMARKS_SOURCE_READING_H_
