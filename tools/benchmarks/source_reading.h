#ifndef MIRROR_TOOLS_BENCHMARKS_SOURCE_READING_H_
#define MIRROR_TOOLS_BENCHMARKS_SOURCE_READING_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

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

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_SOURCE_READING_H_
