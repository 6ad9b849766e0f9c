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

/// Rows per second over a moving window: the present span and the previous one. Times are unix milliseconds.
/// After a clock was set back, the count begins again. A value; threads: one.
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
    // In the first second the rate is computed as for a full second.
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

/// Number of cycles that are remembered for a tenant, and maximum bytes of a failure's reason. 24 cycles take
/// 2.5 KB, or 7.5 KB with reasons of full length.
inline constexpr std::size_t kCyclesKept = 24;
inline constexpr std::size_t kCycleWhyBytesMax = 200;

enum class CycleEnd : std::uint8_t {
  kNone,         ///< It still runs.
  kCompleted,    ///< Ended by ReplicationCompleted.
  kFailed,       ///< ReplicationCompleted ended it, but something was refused, or nothing was announced.
  kInterrupted,  ///< It ended without ReplicationCompleted.
};
std::string_view ToString(CycleEnd end);

struct PastCycle {
  std::int64_t cycle = 0;
  std::int64_t began_ms = 0;
  std::int64_t ended_ms = 0;  ///< 0: it still runs.
  CycleEnd end = CycleEnd::kNone;
  std::string why = {};  ///< Reason of the failure; may be truncated.
  std::uint64_t inserts = 0, updates = 0, deletes = 0;
  std::uint64_t planned = 0;  ///< Number of rows that the source announced for all tables that it has begun
                              ///< so far.

  std::uint64_t rows() const { return inserts + updates + deletes; }
};

/// Facts about a tenant's cycles that this process knows: the last cycles, and the number of applied rows.
/// They are in memory only. Data that must survive a restart is in the mirror. Threads: any. Its own lock is
/// taken last, for a short time.
class CycleBook {
 public:
  void Begin(std::int64_t cycle, std::int64_t now_ms);
  /// Adds the number of rows that the first batch of a table in `cycle` announces.
  void NotePlanned(std::int64_t cycle, const Planned& planned, std::int64_t now_ms);
  /// Counts the rows of a batch of `cycle` that was applied.
  void NoteRows(std::int64_t cycle, Operation operation, std::uint64_t rows, std::int64_t now_ms);
  /// Counts rows that were written as records, outside of any cycle.
  void NoteRecords(std::uint64_t rows, std::int64_t now_ms);
  /// Ends a cycle, which may have begun in another process at `began_ms`. A cycle that has ended already is
  /// not changed.
  void End(std::int64_t cycle, std::int64_t began_ms, CycleEnd end, std::int64_t now_ms);
  /// Sets the reason of a cycle that has ended; does nothing for any other cycle.
  void NoteFailure(std::int64_t cycle, std::string_view why);

  /// Returns the remembered cycles, newest first.
  std::vector<PastCycle> Last() const;

  /// Figures that can be returned without a search through the cycles.
  struct Now {
    std::uint64_t rows = 0;          ///< Rows applied since the start of the process, by all cycles and as
                                     ///< records.
    std::int64_t since_ms = 0;       ///< Begin of the running cycle; 0: none runs.
    std::uint64_t done = 0;          ///< Rows applied in the running cycle.
    std::uint64_t planned = 0;       ///< See PastCycle.
    std::uint64_t per_second = 0;    ///< Rows per second, over the last seconds.
    std::int64_t last_ended_ms = 0;  ///< End of the last remembered cycle; 0: none ended.
    std::int64_t last_took_ms = 0;   ///< Duration of that cycle.
  };
  Now At(std::int64_t now_ms) const;

 private:
  PastCycle& Of(std::int64_t cycle, std::int64_t began_ms) MIRROR_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::deque<PastCycle> cycles_ MIRROR_GUARDED_BY(mutex_);  ///< The oldest first.
  std::uint64_t rows_ MIRROR_GUARDED_BY(mutex_) = 0;
  RowRate rate_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_CYCLE_BOOK_H_
