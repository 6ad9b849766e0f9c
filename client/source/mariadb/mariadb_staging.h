#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_STAGING_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_STAGING_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "client/source/kept_log.h"
#include "client/source/mariadb/binlog_intake.h"
#include "client/source/mariadb/binlog_place.h"
#include "client/source/mariadb/binlog_stream.h"
#include "client/source/mariadb/binlog_tables.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/server/stage.h"
#include "client/source/server/staged_log.h"

namespace mirror {

/// Lets only one process at a time read a binlog with a server_id: the server would end the stream of the
/// earlier one. A lock of the operating system (flock) on a file with the pid; it ends with the process.
///
/// Threads: one.
class StagingLock {
 public:
  /// Waits for the present holder. Errors: kUnavailable: another process, named for people, still has it
  /// after `within`, or the file cannot be written; kCancelled: stopped.
  static absl::StatusOr<StagingLock> Acquire(const std::string& path, std::chrono::milliseconds within,
                                             const std::stop_token& stop);
  StagingLock(StagingLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  StagingLock& operator=(StagingLock&&) = delete;
  ~StagingLock();

 private:
  explicit StagingLock(int file) : file_(file) {}
  int file_ = -1;
};

struct MariadbStagingOptions {
  MariadbAccess access;
  std::uint32_t server_id = 0;  ///< Not used by any server, nor by another reader of this one.
  StageOptions stage;
  /// Commits are written after at most this time.
  std::chrono::milliseconds flush_within{1'000};
  /// A new position is made after this much binlog, or this long with changes, since the last one: a later
  /// failure continues reading from there.
  std::uint64_t mark_bytes = 16U << 20;
  std::chrono::milliseconds mark_within{60'000};
  /// A position is awaited as long as changes arrive, and this long without changes.
  std::chrono::milliseconds marker_within{120'000};
  std::chrono::milliseconds retry_max{30'000};
  /// See BinlogIntake.
  std::chrono::milliseconds settled_after = BinlogIntake::kSettledAfter;
  /// Limit for waiting for another process that stages the same source.
  std::chrono::milliseconds lock_within{5'000};
};

/// A thread that stages a server's binlog as long as this object lives, with one stream. The first call that
/// needs it starts it, and it continues while rows are sent. Each new stream reads the last event group
/// again to check that the binlog is the same one. From its start on no other process can stage the same
/// source.
///
/// Threads: any.
class MariadbStaging : public LogKeeper {
 public:
  /// Opens the stage. Errors: those of Stage::Open().
  static absl::StatusOr<std::shared_ptr<MariadbStaging>> Open(MariadbStagingOptions options);
  ~MariadbStaging() override;

  Stage& stage() { return *stage_; }
  const MariadbStagingOptions& options() const { return options_; }
  const std::shared_ptr<MariadbSessions>& sessions() const { return sessions_; }

  /// Returns when everything now in the binlog is staged, with a later position whose LSN is greater than
  /// `above`. `stop` may be null. Errors: why the binlog cannot be read, for people; kUnavailable: also when
  /// the address leads to another server than the stream's; the stream then restarts; kCancelled: stopped.
  absl::StatusOr<StageMark> StageToMarker(const std::atomic<bool>* stop, std::int64_t above = 0)
      MIRROR_EXCLUDES(mutex_);

  /// Waits until the place of a snapshot (binlog_snapshot_file, _position) of this server is staged. Returns
  /// an LSN: all groups that the snapshot does not see are after it. Errors: those of StageToMarker();
  /// kAborted: the snapshot is older than what was read: take another one.
  absl::StatusOr<std::int64_t> LsnOf(const BinlogPlace& place, std::uint32_t server,
                                     const std::atomic<bool>* stop) MIRROR_EXCLUDES(mutex_);

  /// Returns when each later snapshot sees all groups up to this LSN of a position. Until then a snapshot may
  /// see less than the stage, and changes that the stage discarded for a table would be lost.
  absl::Status WaitUntilSeen(std::int64_t lsn, const std::atomic<bool>* stop) MIRROR_EXCLUDES(mutex_);

  /// Asks the server on another session where its binlog ends, and waits until the stream is there, outside
  /// of a group.
  std::optional<std::chrono::steady_clock::time_point> ReadToEnd(const std::stop_token& stop) override
      MIRROR_EXCLUDES(mutex_);

  /// Sets the staged tables, from the next group that is read.
  void SetTables(BinlogTables tables) MIRROR_EXCLUDES(mutex_);

  /// Returns messages for people about the binlog since the last call; mostly none.
  std::vector<std::string> TakeNews() MIRROR_EXCLUDES(mutex_);
  std::uint64_t changes() const { return changes_; }
  struct Reached {
    BinlogPlace place;        ///< Empty: nothing was read yet.
    std::int64_t time_s = 0;  ///< Unix time when that was written; 0: not known.
  };
  /// The place up to which it was read.
  Reached reached() const MIRROR_EXCLUDES(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;

  MariadbStaging(MariadbStagingOptions options, std::unique_ptr<Stage> stage);

  void Run(const std::stop_token& stop);
  absl::Status Work(const std::stop_token& stop) MIRROR_EXCLUDES(mutex_);
  absl::Status Pump(const std::stop_token& stop) MIRROR_EXCLUDES(mutex_);
  absl::Status Connect(const std::stop_token& stop) MIRROR_EXCLUDES(mutex_);
  absl::Status FindTables(mariadb::Connection& connection) MIRROR_EXCLUDES(mutex_);
  absl::Status ClearStage() MIRROR_EXCLUDES(mutex_);
  /// The place to read from, according to the stage.
  struct Begin {
    BinlogPosition position;
    std::string print;
    std::int64_t lsn = 0;
  };
  absl::StatusOr<Begin> FindBegin(mariadb::Connection& connection, const MariadbSource& place);
  /// Starts at its end, as if all tables were new: earlier changes are unknown and found by comparing.
  absl::StatusOr<Begin> GoOnAt(mariadb::Connection& connection, const std::string& why);
  absl::StatusOr<Begin> BeginAnother(mariadb::Connection& connection, StagedLog log);
  absl::StatusOr<Begin> BeginAnew(mariadb::Connection& connection, StagedLog log, const std::string& news);
  /// Explains a stream that failed before the known position, and stores the result in the stage.
  absl::Status Explain(const absl::Status& failed);
  absl::Status Take(const binlog::Event& event, const BinlogPlace& before, const BinlogPlace& after)
      MIRROR_REQUIRES(mutex_);
  absl::Status MarkAndFlush() MIRROR_REQUIRES(mutex_);
  absl::Status FlushIfDue() MIRROR_REQUIRES(mutex_);
  absl::Status Flush() MIRROR_REQUIRES(mutex_);
  absl::Status WaitUntilAt(const BinlogPlace& place, std::uint32_t server, const std::atomic<bool>* stop)
      MIRROR_REQUIRES(mutex_);
  absl::Status WaitUntilConnected(const std::atomic<bool>* stop) MIRROR_REQUIRES(mutex_);
  void AddNews(std::string news) MIRROR_REQUIRES(mutex_);

  const MariadbStagingOptions options_;
  const std::unique_ptr<Stage> stage_;
  const std::shared_ptr<MariadbSessions> sessions_;
  std::atomic<std::uint64_t> changes_ = 0;
  std::optional<StagingLock> lock_;  ///< Used by the thread only.

  mutable Mutex mutex_;
  StopCondVar changed_;
  std::shared_ptr<BinlogStream> stream_ MIRROR_GUARDED_BY(mutex_);
  std::unique_ptr<BinlogIntake> intake_ MIRROR_GUARDED_BY(mutex_);  ///< Null: it is not connected.
  std::optional<BinlogPosition> begun_ MIRROR_GUARDED_BY(mutex_);   ///< Start of the stream.
  bool needs_mark_ MIRROR_GUARDED_BY(mutex_) = false;               ///< Its start is not on record yet.
  BinlogPlace marked_at_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t marked_lsn_ MIRROR_GUARDED_BY(mutex_) = 0;
  Time flushed_ MIRROR_GUARDED_BY(mutex_), marked_ MIRROR_GUARDED_BY(mutex_);
  std::shared_ptr<const BinlogTables> tables_ MIRROR_GUARDED_BY(mutex_);  ///< Null: not set since the start.
  bool is_asked_ MIRROR_GUARDED_BY(mutex_) = false;                       ///< A caller waits: connect now.
  bool is_over_ MIRROR_GUARDED_BY(mutex_) = false;
  std::uint64_t failures_ MIRROR_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ MIRROR_GUARDED_BY(mutex_);
  std::vector<std::string> news_ MIRROR_GUARDED_BY(mutex_);
  BinlogPlace reached_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t reached_s_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::jthread thread_ MIRROR_GUARDED_BY(mutex_);  ///< The last member: it uses the others.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_STAGING_H_
