#ifndef MIRROR_CLIENT_SOURCE_CYCLE_MARKS_H_
#define MIRROR_CLIENT_SOURCE_CYCLE_MARKS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

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

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CYCLE_MARKS_H_
