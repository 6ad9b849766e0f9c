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

/// What somebody asks of one run.
struct RunRequest {
  bool repopulate = false;
  std::vector<std::string> tables =
      {};  ///< To repopulate; empty: all. Those that this source does not have are passed over.
  ShowWork progress = {};
  /// Compares tables with the mirror by digests: all, or those of `verify_tables`. Not asked for: when
  /// verify_interval has passed.
  bool verify = false;
  std::vector<std::string> verify_tables = {};
  std::optional<bool> repair = {};  ///< Absent: as the source's configuration says.
  const std::atomic<bool>* stop = nullptr;
  std::size_t read_ahead = ReadAhead::kBytesMax;  ///< See CycleOptions.
  std::int64_t key_look_interval_ms = 0;          ///< See CycleOptions.
  WireCounters* counters = nullptr;               ///< Where calls are timed; may be null.
  KeptLog* kept = nullptr;                        ///< Of runs of this source; null: nothing is kept.
  /// Of a source that takes deliveries: also fetch and apply them, only fetch them, or only apply them.
  enum class Exchange { kAll, kTransport, kImport };
  Exchange exchange = Exchange::kAll;
};

/// One cycle of one [[source]], everything opened anew.
CycleReport RunSource(const AgentConfig& config, const SourceConfig& source, const Connection& connection,
                      const RunRequest& request);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_SOURCE_RUN_H_
