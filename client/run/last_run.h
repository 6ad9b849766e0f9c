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

/// When the last run of a tenant began, unix milliseconds: `<state_dir>/<context_id>.begun`.
///
/// A run that is marked and has no LastRun did not end, or could not write how. The file never changes its
/// size and is written where it lies, so that a run can say that it begins when the disk has no room left;
/// on file systems that write every change to a new place it may not. On disk before this returns; the caller
/// holds the tenant's LockFile. Errors: kUnavailable.
absl::Status MarkBegin(const std::string& state_dir, const std::string& context_id, std::int64_t begun_ms);

/// Absent: none was marked, or it cannot be told.
std::optional<std::int64_t> LoadMark(const std::string& state_dir, const std::string& context_id);

/// How the last run of one tenant went, for `mirror-agent status`: `<state_dir>/<context_id>.last.json`.
///
/// Beside RunState and not in it: that one is the source's memory, which a run may find damaged or belonging
/// to another source, and which has to be synced; how a run went is to be known in each of these cases, and
/// nothing is decided by it but whether `run` begins with one by cron.
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
  std::string reason;  ///< Of an outcome other than done, for people.
  std::int64_t cycle = 0;
  std::uint64_t ok = 0;        ///< Tables.
  std::uint64_t left_out = 0;  ///< Tables that are unwanted or blocked.
  std::uint64_t rows = 0;      ///< Inserts, updates and deletes that were committed.
  std::vector<Trouble> troubles = {};
  bool tables_held = false;  ///< See CycleReport.
  /// What the run told, such as rows that were left out: the first kNotesKept sentences, no longer than
  /// kNoteBytesKept.
  std::vector<std::string> notes = {};
  std::vector<std::pair<std::string, std::string>> unlogged = {};  ///< See CycleReport.
  std::optional<ExchangeFigures> exchange = {};                    ///< See CycleReport.
  static constexpr std::size_t kNotesKept = 20, kNoteBytesKept = 1'000;

  // What outlasts the run.
  std::int64_t good_ms = 0;                 ///< End of the last good run.
  std::int64_t compared_ms = 0;             ///< End of the last one that compared all tables by digests.
  std::vector<std::string> differing = {};  ///< Tables that this comparison left unequal.
  /// End of the first run since which the hub handed out nothing to any; 0: it did to the last one that
  /// asked.
  std::int64_t waiting_since_ms = 0;
  std::int64_t error_ms = 0;  ///< End of the last one that was not good.
  std::string error;          ///< What was wrong then, in a sentence.

  /// Absent: no run has ended yet. Errors: kDataLoss when it cannot be understood; kUnavailable.
  static absl::StatusOr<std::optional<LastRun>> Load(const std::string& state_dir,
                                                     const std::string& context_id);
};

/// Writes what became of a run; the caller holds the tenant's LockFile. `compared`: all tables were, by
/// digests. Of a run that was to begin no cycle only the times and what became of deliveries are new: whether
/// tables got through, the push before it says.
///
/// It is synced where there is something to tell. A good run that sent nothing behind a good one only moves
/// the times, without a sync: after a power cut the record may be the one before, or, on file systems that
/// keep no order, none that can be read until the next run.
absl::Status KeepLastRun(const std::string& state_dir, const std::string& context_id,
                         const CycleReport& report, std::int64_t begun_ms, std::int64_t ended_ms,
                         bool compared);

/// How a note ends that says what a source without a change log does not see.
inline constexpr std::string_view kUnlogged =
    ": changes that keep a table's number of rows are not seen, send them with --repopulate";
/// For who has just installed a change log: what is on record of the last run has no such note any more. The
/// caller holds the tenant's LockFile.
void ForgetUnlogged(const std::string& state_dir, const std::string& context_id);

/// For a run that can write neither that it begins nor how it ended: what is on record is not the last run.
void ForgetLastRun(const std::string& state_dir, const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_LAST_RUN_H_
