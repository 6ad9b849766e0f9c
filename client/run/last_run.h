#ifndef MIRROR_CLIENT_RUN_LAST_RUN_H_
#define MIRROR_CLIENT_RUN_LAST_RUN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cycle/cycle.h"

namespace mirror {

/// Writes the begin of a tenant's run, unix milliseconds, to `<state_dir>/<context_id>.begun`.
///
/// A run with this mark and without a LastRun did not end, or could not write its result.
/// The file never changes its size and is overwritten in place, so a run can record its begin
/// even on a full disk. That may fail on file systems that write every change to a new place.
/// The mark is on disk before this returns. The caller holds the tenant's LockFile. Errors: kUnavailable.
absl::Status MarkBegin(const std::string& state_dir, const std::string& context_id, std::int64_t begun_ms);

/// Returns the begin that the mark shows; absent: no begin was marked, or the file cannot be read.
std::optional<std::int64_t> LoadMark(const std::string& state_dir, const std::string& context_id);

/// Result of the last run of one tenant, for `mirror-agent status`: `<state_dir>/<context_id>.last.json`.
///
/// It is kept beside RunState, not in it. RunState is the source's memory: a run may find
/// it damaged or of another source, and it must be synced. The result of a run must be
/// known in each of these cases. It decides only whether `run` with a cron begins at once.
struct LastRun {
  struct Trouble {
    std::string table;
    TableResult result = TableResult::kFailed;
    std::string reason;
  };

  // Times are unix milliseconds, 0: never.
  std::int64_t begun_ms = 0, ended_ms = 0;
  Outcome outcome = Outcome::kFailed;
  bool good = false;   ///< See CycleReport::Good().
  std::string reason;  ///< Reason of an outcome other than done, for people.
  std::int64_t cycle = 0;
  std::uint64_t ok = 0;        ///< Number of tables.
  std::uint64_t left_out = 0;  ///< Tables that are unwanted or blocked.
  std::uint64_t rows = 0;      ///< Inserts, updates and deletes that were committed.
  std::vector<Trouble> troubles = {};
  bool tables_held = false;  ///< See CycleReport.
  /// Notes of the run, for example on rows that were left out: the
  /// first kNotesKept sentences, each cut to kNoteBytesKept bytes.
  std::vector<std::string> notes = {};
  std::vector<std::pair<std::string, std::string>> unlogged = {};  ///< See CycleReport.
  std::optional<ExchangeFigures> exchange = {};                    ///< See CycleReport.
  static constexpr std::size_t kNotesKept = 20, kNoteBytesKept = 1'000;

  // Facts that stay over several runs.
  std::int64_t good_ms = 0;                 ///< End of the last good run.
  std::int64_t compared_ms = 0;             ///< End of the last run that compared all tables by digests.
  std::vector<std::string> differing = {};  ///< Tables that were unequal after this comparison.
  /// Since when the hub has not been ready to give deliveries: the end of the first run
  /// that found it so; 0: the last run that asked got its answer.
  std::int64_t waiting_since_ms = 0;
  std::int64_t error_ms = 0;  ///< End of the last run that was not good.
  std::string error;          ///< The error of that run, in a sentence.

  /// Absent: no run has ended yet. Errors: kDataLoss: the file cannot be parsed; kUnavailable.
  static absl::StatusOr<std::optional<LastRun>> Load(const std::string& state_dir,
                                                     const std::string& context_id);
};

/// Writes the result of a run; the caller holds the tenant's LockFile. `compared`: all tables
/// were compared by digests. For a run that was to begin no cycle it updates only the times
/// and the results of deliveries; the facts about tables stay those of the push before.
///
/// The file is synced if there is something to report. A good run that sent nothing after
/// another good run only updates the times, without a sync. After a power cut the record may
/// be the one before, or, on file systems that keep no order, unreadable until the next run.
absl::Status KeepLastRun(const std::string& state_dir, const std::string& context_id,
                         const CycleReport& report, std::int64_t begun_ms, std::int64_t ended_ms,
                         bool compared);

/// End of a note about tables without a change log: says which of their changes a run does not see.
inline constexpr std::string_view kUnlogged =
    ": changes that keep a table's number of rows are not seen, send them with --repopulate";
/// To be called after a change log was installed: removes such notes from
/// the record of the last run. The caller holds the tenant's LockFile.
void ForgetUnlogged(const std::string& state_dir, const std::string& context_id);

/// For a run that can write neither its begin nor its result: removes the outdated record.
void ForgetLastRun(const std::string& state_dir, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_LAST_RUN_H_
