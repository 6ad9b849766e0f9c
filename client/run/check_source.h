#ifndef MIRROR_CLIENT_RUN_CHECK_SOURCE_H_
#define MIRROR_CLIENT_RUN_CHECK_SOURCE_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/source/source_finding.h"

// Selects, by the kind of a source, the code that checks it from
// outside. A new kind of server is a line in check_source.cc.

namespace mirror {

/// Checks what a server and its database have and lack for the agent; for file-based kinds,
/// see CheckDeliveries(). Only reads; may wait for the server: see CheckPostgresSource().
SourceFindings CheckSource(const SourceConfig& source);
/// Checks only what deliveries need. No findings if no delivery is accepted.
SourceFindings CheckDeliveries(const SourceConfig& source);

/// Returns the longest time between the begins of two successive runs, by the schedule after `now`.
std::int64_t LongestPauseMs(const SourceConfig& source, std::chrono::system_clock::time_point now);

/// A [[source.table]] entry that matches no mirrored table.
struct IdleTable {
  const TableConfig* table = nullptr;
  enum class Why { kMissing, kViewWithoutKey, kLeftOut } why = Why::kMissing;
  std::string words;  ///< For people; includes what to do.
};

/// `sent`: the mirrored tables, by the names of the mirror. For files, each [[source.table]] is a table.
/// Errors: the source cannot be read.
absl::StatusOr<std::vector<IdleTable>> FindIdleTables(const SourceConfig& source,
                                                      const std::vector<std::string>& sent);

/// Returns the tables whose own strategy is cdc, by the names of the mirror.
std::vector<std::string> TablesToLog(const SourceConfig& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_CHECK_SOURCE_H_
