#ifndef MIRROR_CLIENT_SOURCE_SOURCE_LOG_H_
#define MIRROR_CLIENT_SOURCE_SOURCE_LOG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/history.h"

namespace mirror {

/// Which cycles a source with an exchange knows of, as its own database notes them: the mirror is told at the
/// begin of each cycle, and so a restore of either side is noticed. A cycle without rows writes nothing, but
/// one that follows a cycle that was broken off.
///
/// Errors: those of the source. Threads: one.
class CycleMarks {
 public:
  virtual ~CycleMarks() = default;

  struct Cycles {
    std::int64_t completing = 0;  ///< The last one with rows that it was about to complete; 0: none yet.
    std::int64_t completed = 0;   ///< The last one that it knows to be completed; 0: none yet.
    /// Whether the last one was broken off, as far as it knows.
    bool broken() const { return completing != completed; }
  };
  virtual absl::StatusOr<Cycles> Read() = 0;

  /// A cycle began. What is recorded of rows that are sent may note in the same transaction that it is about
  /// to be completed.
  virtual void Begin(std::int64_t cycle) = 0;
  /// At once: where that was not done, before the first row is sent; of a cycle without rows before its end.
  virtual absl::Status NoteCompleting(std::int64_t cycle) = 0;
  virtual absl::Status NoteCompleted(std::int64_t cycle) = 0;
};

/// What a log costs its source and its agent, as of the last run. Bytes unless said otherwise; absent: the
/// kind has no such figure, or it is not known.
struct LogFigures {
  std::optional<std::int64_t> lag;       ///< Of the source's log that is not staged yet.
  std::optional<std::int64_t> retained;  ///< Of it that the source keeps for this agent.
  std::optional<std::int64_t> safe;  ///< That may still be written before the source gives up on the agent.
  std::optional<std::int64_t>
      unconfirmed;  ///< From where the source would decode again to what is confirmed.
  std::optional<std::int64_t> stage_rows, stage_bytes;
  std::optional<std::int64_t> decoded;  ///< Changes since the agent started.
  std::optional<double> snapshot_wait;  ///< Seconds that a new table has waited for open transactions.
  std::optional<double> until_purged;   ///< Seconds until the source removes what is not staged.
};

/// The history that a source's change log keeps, whatever kind of source it is. Tables have the source's own
/// names. The reader of the same kind is opened with it, and takes it for what that kind makes of it.
class SourceLog : public History {
 public:
  /// As of now; what cannot be asked is absent.
  virtual LogFigures Figures() { return {}; }

  /// Where the source notes cycles for its exchange; null: it has none. Lives as long as this.
  virtual CycleMarks* marks() { return nullptr; }

  /// Tables that it cannot log, whatever is asked for, with the reason for people: what changed in them is
  /// found by comparing. By name.
  virtual absl::StatusOr<std::map<std::string, std::string>> Unlogged() {
    return std::map<std::string, std::string>();
  }
};

/// Why a table's changes are not logged: 'mirror-agent install' mends it, and nothing else.
absl::Status NeedsInstall(absl::Status status);
bool IsNeedsInstall(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SOURCE_LOG_H_
