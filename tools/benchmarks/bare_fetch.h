#ifndef MIRROR_TOOLS_BENCHMARKS_BARE_FETCH_H_
#define MIRROR_TOOLS_BENCHMARKS_BARE_FETCH_H_

#include <string>

#include "absl/status/statusor.h"
#include "tools/benchmarks/source_reading.h"

namespace mirror::bench {

/// The rows of a statement by ODBC's own calls: each column bound as a text, SQLFetch until there is none.
/// `connection`: an ODBC connection string. Errors: the driver's.
absl::StatusOr<SourceReading> FetchBare(const std::string& connection, const std::string& sql);

}  // namespace mirror::bench

#endif  // MIRROR_TOOLS_BENCHMARKS_BARE_FETCH_H_
