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

/// A piece of a long value, which goes ahead of the rows that name it.
struct ReadPart {
  std::uint32_t column = 0;
  std::uint64_t value_id = 0, offset = 0;
  std::string data;
};

/// Blocks that go out together, under one target.
struct ReadRows {
  std::vector<ChangeBlock> blocks;
  Position target;
  /// Of the whole table in this cycle; counts with the first ones of it. Absent: nobody knows yet.
  std::optional<Planned> planned;
  std::uint64_t expected = 0;              ///< Rows of the whole table; 0: not counted.
  std::optional<std::uint64_t> row_count;  ///< Of the last ones.
  bool last = false;                       ///< The commit stands on them.
  std::vector<std::string> notes = {};     ///< Of the last ones: what the person should know.
  /// Of the last ones: as of when the table is with them, unix milliseconds; 0: nobody knows.
  std::int64_t source_ms = 0;

  /// Rows of each operation.
  Planned Count() const;
};

/// The table is read to its end, or not: then why.
struct ReadEnd {
  absl::Status status;
};

struct ReadStep {
  std::size_t job = 0;  ///< Whose it is; steps of one follow each other.
  std::variant<ReadPart, ReadRows, ReadEnd> what;

  /// Roughly what it keeps in memory.
  std::size_t bytes() const;
};

/// What one thread read of the source and another has not sent yet, in the order in which it was read.
///
/// Memory: kStepsMax steps and `bytes_max` bytes; a heavier step waits alone. With 0 bytes nothing is read
/// before the step before it was sent. Disk, where there is a staging file: kStagedMax steps that may be
/// staged and have no room in memory, as long as the file takes them.
/// Threads: one that reads and one that sends.
class ReadAhead {
 public:
  static constexpr std::size_t kStepsMax = 64;
  static constexpr std::size_t kBytesMax = 8'000'000;
  static constexpr std::size_t kStagedMax = 20'000;

  /// `staging`: null: nothing is staged.
  explicit ReadAhead(std::size_t bytes_max = kBytesMax, std::unique_ptr<StagingFile> staging = nullptr)
      : bytes_max_(bytes_max), staging_(std::move(staging)) {}

  // --- The thread that reads ---
  /// Waits until there is room. No lock of the source may be held meanwhile that keeps its programs from
  /// writing. `may_stage`: as long as it waits, the source pays for it: the staging file is room, too.
  /// Errors: kCancelled: the sender wants no more of this job, or nothing at all any more.
  absl::Status Push(ReadStep step, bool may_stage = false);
  /// No step follows.
  void End();
  /// Whether Push() would take nothing of any job.
  bool closed() const;

  // --- The thread that sends ---
  /// Waits for the next step. Absent: there is none any more.
  std::optional<ReadStep> Pop();
  /// Drops what waits of this job, and what would come.
  void Abandon(std::size_t job);
  /// The same for all jobs. The reader gets kCancelled from now on.
  void Close();

  struct Waiting {
    std::size_t steps = 0, bytes = 0;  ///< In memory.
    std::size_t staged = 0;            ///< Steps.
  };
  Waiting waiting() const;

 private:
  static constexpr std::size_t kNoJob = std::numeric_limits<std::size_t>::max();

  struct Waiter {
    ReadStep step;  ///< Of one that is staged without its rows.
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
  CondVar changed_;  ///< Two threads: whoever waits is the other one.
  std::deque<Waiter> steps_ MIRROR_GUARDED_BY(mutex_);
  std::size_t kept_ MIRROR_GUARDED_BY(mutex_) = 0;   ///< Those in memory.
  std::size_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Of those.
  /// Steps that are still to be read in the staging file.
  std::size_t staged_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::size_t abandoned_ MIRROR_GUARDED_BY(mutex_) = kNoJob;
  bool asking_ MIRROR_GUARDED_BY(mutex_) = false;  ///< Everything was sent: Pop() waits.
  bool ended_ MIRROR_GUARDED_BY(mutex_) = false;
  bool closed_ MIRROR_GUARDED_BY(mutex_) = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_READ_AHEAD_H_
