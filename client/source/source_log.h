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

/// The numbers of cycles that the database of a source with an exchange has on record. The agent sends them
/// to the mirror at the begin of each cycle, so that a restore of either side is detected. A cycle without
/// rows writes nothing, unless it follows a cycle that was broken off.
///
/// Errors: those of the source. Threads: one.
class CycleMarks {
 public:
  virtual ~CycleMarks() = default;

  struct Cycles {
    std::int64_t completing = 0;  ///< The last cycle with rows that was about to complete; 0: none yet.
    std::int64_t completed = 0;   ///< The last cycle known to be completed; 0: none yet.
    /// Whether the last cycle was broken off, as far as the source knows.
    bool broken() const { return completing != completed; }
  };
  virtual absl::StatusOr<Cycles> Read() = 0;

  /// Called when a cycle began. The transaction that records sent rows may then also note that this cycle is
  /// about to be completed.
  virtual void Begin(std::int64_t cycle) = 0;
  /// Notes that the cycle is about to be completed, if that is not noted yet. Called before the first row, or
  /// before a cycle without rows ends.
  virtual absl::Status NoteCompleting(std::int64_t cycle) = 0;
  virtual absl::Status NoteCompleted(std::int64_t cycle) = 0;
};

/// Cost of a log for its source and its agent, as of the last run. In bytes unless said otherwise; absent:
/// the kind of source has no such figure, or it is not known.
struct LogFigures {
  std::optional<std::int64_t> lag;       ///< Log of the source that is not staged yet.
  std::optional<std::int64_t> retained;  ///< Log that the source keeps for this agent.
  std::optional<std::int64_t>
      safe;  ///< Log that may still be written before the source drops this agent's log.
  std::optional<std::int64_t> unconfirmed;  ///< From the restart position of decoding to the confirmed one.
  std::optional<std::int64_t> stage_rows, stage_bytes;
  std::optional<std::int64_t> decoded;  ///< Changes since the agent started.
  std::optional<double> snapshot_wait;  ///< Seconds that a new table has waited for open transactions.
  std::optional<double> until_purged;   ///< Seconds until the source removes log that is not staged.
};

/// The history that a source's change log keeps, for every kind of source. Tables have the source's own
/// names. The reader of the same kind is opened with it and casts it to the class of that kind.
class SourceLog : public History {
 public:
  /// Current figures; those that cannot be read are absent.
  virtual LogFigures Figures() { return {}; }

  /// The cycle marks of a source with an exchange; null: it has none. Lives as long as this object.
  virtual CycleMarks* marks() { return nullptr; }

  /// Returns the tables that this log cannot cover under any configuration: the name, and the reason for
  /// people. Changes of these tables are found by comparing.
  virtual absl::StatusOr<std::map<std::string, std::string>> Unlogged() {
    return std::map<std::string, std::string>();
  }
};

/// Marks the error of a table whose changes are not logged and which only 'mirror-agent install' can repair.
absl::Status NeedsInstall(absl::Status status);
bool IsNeedsInstall(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SOURCE_LOG_H_
