#ifndef MIRROR_TOOLS_BENCHMARKS_SOURCE_READING_H_
#define MIRROR_TOOLS_BENCHMARKS_SOURCE_READING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

// Measures reading a source's tables and the change log of its server, as an agent does.

namespace mirror::bench {

/// Cost of reading all tables of a source as an agent does, without sending anything.
struct SourceReading {
  std::uint64_t rows = 0, bytes = 0;  ///< Number of rows, and approximate size of their messages in bytes.
  double first_look_seconds = 0;      ///< Time of the first Schema(), which detects the types.
  double seconds = 0;                 ///< Time to read the rows, with known types.
};

/// Reads all tables. `place`: a SQLite file, a PostgreSQL database by its "postgresql://" URL, "mariadb:" and
/// a DSN (mariadb::ReadDsn()), or "odbc:" and a connection string. Errors: the reader's.
absl::StatusOr<SourceReading> ReadSource(const std::string& place);

/// Returns one line of JSON.
std::string ReadingJson(const SourceReading& reading);

/// Reads the rows of a statement with plain ODBC calls: binds each column as a text and calls SQLFetch until
/// the end. `connection`: an ODBC connection string. Errors: the driver's.
absl::StatusOr<SourceReading> FetchBare(const std::string& connection, const std::string& sql);

struct LogReading {
  std::uint64_t changes = 0, bytes = 0;  ///< Number of changes, and their bytes as the server sends them.
  double seconds = 0;
};

/// Decodes PostgreSQL's log from the slot's position to now. It does not confirm the position, so that the
/// log can be read again.
absl::StatusOr<LogReading> DecodePostgresLog(const std::string& url, const std::string& slot,
                                             const std::string& publication);

/// Decodes MariaDB's binlog from "FILE:OFFSET" to its end. `dsn`: see mariadb::ReadDsn(); its user must also
/// be allowed to read the tables.
absl::StatusOr<LogReading> DecodeBinlog(const std::string& dsn, const std::string& from);

/// Reads a source's log into the agent's stage, as the agent's next run does before it sends. `changes` and
/// `bytes` stay 0.
absl::StatusOr<LogReading> StageLog(const std::string& config, const std::string& context_id);

/// Returns one line of JSON.
std::string LogReadingJson(const LogReading& reading);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_SOURCE_READING_H_
