#ifndef MIRROR_CLIENT_WIRE_READ_AHEAD_H_
#define MIRROR_CLIENT_WIRE_READ_AHEAD_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "client/source/reader.h"
#include "client/wire/staging_file.h"
#include "proto/wire/batch.h"
#include "proto/wire/lsn.h"

namespace mirror {

/// A piece of a long value, which is sent before the rows that name it.
struct ReadPart {
  std::uint32_t column = 0;
  std::uint64_t value_id = 0, offset = 0;
  std::string data;
};

/// Blocks that are sent together, under one target.
struct ReadRows {
  std::vector<ChangeBlock> blocks;
  Position target;
  /// Rows of the whole table in this cycle; the first blocks of it carry this. Absent: not known yet.
  std::optional<Planned> planned;
  std::uint64_t expected = 0;              ///< Rows of the whole table; 0: not counted.
  std::optional<std::uint64_t> row_count;  ///< Set in the last ones.
  bool last = false;                       ///< The last of these blocks is the commit.
  std::vector<std::string> notes = {};     ///< Set in the last ones: notes for people.
  /// Set in the last ones: the time of the table's state with them, unix milliseconds; 0: unknown.
  std::int64_t source_ms = 0;

  /// Counts the rows of each operation.
  Planned Count() const;
};

/// The end of a job. OK: the table was read to its end; otherwise the error.
struct ReadEnd {
  absl::Status status;
};

struct ReadStep {
  std::size_t job = 0;  ///< The job of the step; steps of one job follow each other.
  std::variant<ReadPart, ReadRows, ReadEnd> what;

  /// Approximate bytes in memory.
  std::size_t bytes() const;
};

/// Steps that one thread read from the source and another has not sent yet, in the order of reading.
///
/// Memory: kStepsMax steps and `bytes_max` bytes; a larger step waits alone. With 0 bytes the
/// next step is read only after the step before was sent. Disk, if there is a staging file: up to
/// kStagedMax steps that may be staged and do not fit in memory, as long as the file takes them.
/// Threads: one that reads and one that sends.
class ReadAhead {
 public:
  static constexpr std::size_t kStepsMax = 64;
  static constexpr std::size_t kBytesMax = 8'000'000;
  static constexpr std::size_t kStagedMax = 20'000;

  /// `staging`: null: nothing is staged.
  explicit ReadAhead(std::size_t bytes_max = kBytesMax, std::unique_ptr<StagingFile> staging = nullptr)
      : bytes_max_(bytes_max), staging_(std::move(staging)) {}

  // --- The reading thread ---
  /// Waits until there is room. The caller must not hold a lock of the source that blocks
  /// its writers. `may_stage`: waiting costs the source something, so the staging file may
  /// be used, too. Errors: kCancelled: the sender abandoned this job, or closed everything.
  absl::Status Push(ReadStep step, bool may_stage = false);
  /// Marks the end: no step follows.
  void End();
  /// Whether Push() rejects every job.
  bool closed() const;

  // --- The sending thread ---
  /// Waits for the next step. Absent: the steps have ended.
  std::optional<ReadStep> Pop();
  /// Drops the waiting steps of this job, and future ones.
  void Abandon(std::size_t job);
  /// Drops all waiting steps. From now on Push() returns kCancelled.
  void Close();

  struct Waiting {
    std::size_t steps = 0, bytes = 0;  ///< In memory.
    std::size_t staged = 0;            ///< Steps.
  };
  Waiting waiting() const;

 private:
  static constexpr std::size_t kNoJob = std::numeric_limits<std::size_t>::max();

  struct Waiter {
    ReadStep step;  ///< If it is staged, it is kept here without its rows.
    std::optional<StagingFile::Place> place;
  };

  absl::Status Stage(Waiter* waiter);
  absl::Status Unstage(Waiter* waiter) const;
  void Drop(const Waiter& waiter) MIRROR_REQUIRES(mutex_);
  bool Unwanted(std::size_t job) const MIRROR_REQUIRES(mutex_) { return closed_ || job == abandoned_; }
  bool HasRoom(std::size_t bytes) const MIRROR_REQUIRES(mutex_);

  const std::size_t bytes_max_;
  const std::unique_ptr<StagingFile> staging_;
  mutable Mutex mutex_;
  CondVar changed_;  ///< There are two threads, so a waiting one is always the other one.
  std::deque<Waiter> steps_ MIRROR_GUARDED_BY(mutex_);
  std::size_t kept_ MIRROR_GUARDED_BY(mutex_) = 0;   ///< Steps in memory.
  std::size_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Bytes of these.
  /// Steps in the staging file that are not read back yet.
  std::size_t staged_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::size_t abandoned_ MIRROR_GUARDED_BY(mutex_) = kNoJob;
  bool asking_ MIRROR_GUARDED_BY(mutex_) = false;  ///< Everything was sent: Pop() waits.
  bool ended_ MIRROR_GUARDED_BY(mutex_) = false;
  bool closed_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_READ_AHEAD_H_
