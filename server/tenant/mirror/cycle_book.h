#ifndef MIRROR_SERVER_TENANT_MIRROR_CYCLE_BOOK_H_
#define MIRROR_SERVER_TENANT_MIRROR_CYCLE_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "proto/wire/batch.h"

namespace mirror {

/// Rows a second, over a window that moves: what came in the span that runs and in the one before it. Times
/// are unix milliseconds; a clock that was set back begins anew. A value; threads: one.
class RowRate {
 public:
  static constexpr std::int64_t kSpanMs = 5'000;

  void Note(std::uint64_t rows, std::int64_t now_ms) {
    Turn(now_ms);
    rows_ += rows;
  }
  std::uint64_t PerSecond(std::int64_t now_ms) const {
    RowRate then = *this;
    then.Turn(now_ms);
    const std::int64_t window_ms = (then.has_before_ ? kSpanMs : 0) + now_ms - then.began_ms_;
    // Within the first second nothing is known of a second.
    return (then.before_ + then.rows_) * 1'000 /
           static_cast<std::uint64_t>(window_ms < 1'000 ? 1'000 : window_ms);
  }

 private:
  void Turn(std::int64_t now_ms) {
    const std::int64_t since_ms = now_ms - began_ms_;
    if (since_ms >= 0 && since_ms < kSpanMs) return;
    has_before_ = since_ms >= 0 && since_ms < 2 * kSpanMs;
    before_ = has_before_ ? rows_ : 0;
    began_ms_ = has_before_ ? began_ms_ + kSpanMs : now_ms;
    rows_ = 0;
  }

  std::int64_t began_ms_ = 0;
  std::uint64_t rows_ = 0, before_ = 0;
  bool has_before_ = false;
};

/// Cycles of a tenant that are remembered, and bytes of why one failed: 24 of them are 2.5 KB, with words as
/// long as may be 7.5 KB.
inline constexpr std::size_t kCyclesKept = 24;
inline constexpr std::size_t kCycleWhyBytesMax = 200;

enum class CycleEnd : std::uint8_t {
  kNone,         ///< It runs.
  kCompleted,    ///< With ReplicationCompleted.
  kFailed,       ///< With it, but something was not taken, or nothing was announced.
  kInterrupted,  ///< Without it.
};
std::string_view ToString(CycleEnd end);

struct PastCycle {
  std::int64_t cycle = 0;
  std::int64_t began_ms = 0;
  std::int64_t ended_ms = 0;  ///< 0: it runs.
  CycleEnd end = CycleEnd::kNone;
  std::string why = {};  ///< What a cycle failed for; may be cut.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::uint64_t planned = 0;  ///< Rows of all tables that it has begun, as its source announced them.

  std::uint64_t rows() const { return inserts + updates + deletes; }
};

/// What this process saw of a tenant's cycles: the last ones, and the rows that were applied. In memory
/// alone: what has to outlive a restart stands in the mirror. Threads: any. Its own lock is taken last, and
/// for a moment.
class CycleBook {
 public:
  void Begin(std::int64_t cycle, std::int64_t now_ms);
  /// What a table's first batch of `cycle` plans.
  void NotePlanned(std::int64_t cycle, const Planned& planned, std::int64_t now_ms);
  /// A batch of `cycle` was applied.
  void NoteRows(std::int64_t cycle, Operation operation, std::uint64_t rows, std::int64_t now_ms);
  /// Rows were written that came as records, in no cycle.
  void NoteRecords(std::uint64_t rows, std::int64_t now_ms);
  /// It may have begun elsewhere, at `began_ms`. One that ended is left as it is.
  void End(std::int64_t cycle, std::int64_t began_ms, CycleEnd end, std::int64_t now_ms);
  /// Of one that has ended; of others nothing is noted.
  void NoteFailure(std::int64_t cycle, std::string_view why);

  /// The newest first.
  std::vector<PastCycle> Last() const;

  /// What is known without looking at each cycle.
  struct Now {
    std::uint64_t rows = 0;          ///< Applied since the start, of all cycles and records.
    std::int64_t since_ms = 0;       ///< When the cycle began that runs; 0: none does.
    std::uint64_t done = 0;          ///< Rows of it.
    std::uint64_t planned = 0;       ///< See PastCycle.
    std::uint64_t per_second = 0;    ///< Rows, in the last seconds.
    std::int64_t last_ended_ms = 0;  ///< The last cycle that is remembered; 0: none ended.
    std::int64_t last_took_ms = 0;   ///< Of the same.
  };
  Now At(std::int64_t now_ms) const;

 private:
  PastCycle& Of(std::int64_t cycle, std::int64_t began_ms) MIRROR_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::deque<PastCycle> cycles_ MIRROR_GUARDED_BY(mutex_);  ///< The newest last.
  std::uint64_t rows_ MIRROR_GUARDED_BY(mutex_) = 0;
  RowRate rate_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_CYCLE_BOOK_H_
