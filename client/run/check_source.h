#ifndef MIRROR_CLIENT_RUN_CHECK_SOURCE_H_
#define MIRROR_CLIENT_RUN_CHECK_SOURCE_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/source/source_finding.h"

// From the kind of a source to who looks at it from outside: a new kind of a server is a line in
// check_source.cc.

namespace mirror {

/// What a server and its database have and lack for the agent; of kinds that are files what CheckDeliveries()
/// says. Only reads; may wait for the server: see CheckPostgresSource().
SourceFindings CheckSource(const SourceConfig& source);
/// Of that what deliveries need alone. Nothing where none is accepted.
SourceFindings CheckDeliveries(const SourceConfig& source);

/// The longest time from the begin of one run to that of the next, as the schedule has it behind `now`.
std::int64_t LongestPauseMs(const SourceConfig& source, std::chrono::system_clock::time_point now);

/// A [[source.table]] that says nothing of any table that is sent.
struct IdleTable {
  const TableConfig* table = nullptr;
  enum class Why { kMissing, kViewWithoutKey, kLeftOut } why = Why::kMissing;
  std::string words;  ///< For people, what to do among them.
};

/// `sent`: the tables that are, by the names of the mirror. Of files each [[source.table]] is a table.
/// Errors: the source cannot be read.
absl::StatusOr<std::vector<IdleTable>> FindIdleTables(const SourceConfig& source,
                                                      const std::vector<std::string>& sent);

/// Tables whose own strategy is cdc, by the names of the mirror.
std::vector<std::string> TablesToLog(const SourceConfig& source);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_CHECK_SOURCE_H_
