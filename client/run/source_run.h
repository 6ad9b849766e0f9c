#ifndef MIRROR_CLIENT_RUN_SOURCE_RUN_H_
#define MIRROR_CLIENT_RUN_SOURCE_RUN_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/config/config.h"
#include "client/cycle/cycle.h"
#include "client/source/kept_log.h"
#include "client/state/work_note.h"
#include "client/wire/connect.h"

namespace mirror {

/// Options of one run.
struct RunRequest {
  bool repopulate = false;
  std::vector<std::string> tables = {};  ///< Tables to repopulate; empty: all. Unknown names are ignored.
  ShowWork progress = {};
  /// Compares tables with the mirror by digests: all, or those of `verify_tables`.
  /// Without a request this is done when verify_interval has passed.
  bool verify = false;
  std::vector<std::string> verify_tables = {};
  std::optional<bool> repair = {};  ///< Absent: the source's configuration decides.
  const std::atomic<bool>* stop = nullptr;
  std::size_t read_ahead = ReadAhead::kBytesMax;  ///< See CycleOptions.
  std::int64_t key_look_interval_ms = 0;          ///< See CycleOptions.
  WireCounters* counters = nullptr;               ///< Times the calls; may be null.
  KeptLog* kept = nullptr;                        ///< See KeptLog; null: no work continues between runs.
  /// For a source that takes deliveries: fetch and apply after the push, only fetch, or only apply.
  enum class Exchange { kAll, kTransport, kImport };
  Exchange exchange = Exchange::kAll;
};

/// Runs one [[source]] once; opens the source and the agent's files for this run.
CycleReport RunSource(const AgentConfig& config, const SourceConfig& source, const Connection& connection,
                      const RunRequest& request);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_SOURCE_RUN_H_
