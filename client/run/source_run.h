#ifndef MIRROR_CLIENT_RUN_SOURCE_RUN_H_
#define MIRROR_CLIENT_RUN_SOURCE_RUN_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/config/config.h"
#include "client/cycle/cycle.h"
#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/reader.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/source/steps/pipeline_reader.h"
#include "client/state/work.h"
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
  WireCounters* counters = nullptr;               ///< Where calls are timed; may be null.
};

/// One cycle of one [[source]], everything opened anew.
CycleReport RunSource(const AgentConfig& config, const SourceConfig& source, const Connection& connection,
                      const RunRequest& request);

/// Which tables are captured, and how. Absent: none of them.
std::optional<CaptureRules> RulesOf(const SourceConfig& source);
/// Whether the change log is asked for some table.
bool UsesLog(const SourceConfig& source);

/// The source as it is, for its change log. `log` may be null; it outlives the reader. `takes`: which tables
/// of kind sqlite it has, by their own names; empty: all.
std::unique_ptr<SourceReader> OpenSource(const SourceConfig& source,
                                         std::map<std::string, std::string> records, ChangeLog* log = nullptr,
                                         std::function<bool(const std::string&)> takes = {});

/// The same as the mirror is to have it.
std::unique_ptr<PipelineReader> OpenReader(const SourceConfig& source,
                                           std::map<std::string, std::string> records,
                                           ChangeLog* log = nullptr,
                                           std::function<bool(const std::string&)> takes = {});

/// Whether the table, by the source's own name, is captured.
bool Captures(const SourceConfig& source, const CaptureRules& rules, const std::string& table);

/// One with tables that are captured.
struct CapturedSource {
  std::unique_ptr<SourceReader> reader;
  const PipelineReader* logged = nullptr;  ///< Within it, of the tables that are not; null: there are none.
};
/// `state` and `log` outlive it. `never_sent`: see OpenCaptureReader(). Errors: `state` cannot be read.
absl::StatusOr<CapturedSource> OpenCaptured(const SourceConfig& source, const CaptureRules& rules,
                                            const std::map<std::string, std::string>& records,
                                            CaptureState& state, ChangeLog* log,
                                            std::function<bool(const std::string&)> never_sent = {});

/// Where rows of files stand that cannot be taken.
std::string RejectsOf(const SourceConfig& source, const std::string& state_dir);

/// What the mirror calls a table.
const std::string& SentName(const TableConfig& table);

ChangeLogOptions LogOptionsOf(const SourceConfig& source);
/// The same for the agent whose log it is. `source_id`: of its run state.
ChangeLogOptions OwnLogOptionsOf(const SourceConfig& source, const std::string& state_dir,
                                 const std::string& source_id);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_SOURCE_RUN_H_
