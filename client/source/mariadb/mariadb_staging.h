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

/// One process at a time reads a binlog as the same server_id: the server ends the stream of the one before.
/// The operating system's lock (flock), which ends with the process, on a file with the process's number.
///
/// Threads: one.
class StagingLock {
 public:
  /// Waits for who has it. Errors: kUnavailable: another one still has it after `within`, named for people,
  /// or the file cannot be written; kCancelled: stopped.
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
  std::uint32_t server_id = 0;  ///< That of no server, and of no other reader of this one.
  StageOptions stage;
  /// Commits wait for so long until they are written.
  std::chrono::milliseconds flush_within{1'000};
  /// So much binlog, or so long with changes, behind the last position, and a new one is made: from there the
  /// binlog is read again after a failure.
  std::uint64_t mark_bytes = 16U << 20;
  std::chrono::milliseconds mark_within{60'000};
  /// A position is waited for as long as changes come, and so long when none do.
  std::chrono::milliseconds marker_within{120'000};
  std::chrono::milliseconds retry_max{30'000};
  /// See BinlogIntake.
  std::chrono::milliseconds settled_after = BinlogIntake::kSettledAfter;
  /// Another process that stages the same is waited for so long.
  std::chrono::milliseconds lock_within{5'000};
};

/// A thread that takes a server's binlog into the stage, for as long as this lives, by one stream. It is
/// begun by the first call that needs it, and goes on while rows are sent. Whether the binlog is still the
/// one that was read is seen by the last event group, which is read again with each new stream. From its
/// begin on no other process may stage the same.
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

  /// All that is in the binlog now is in the stage, and a position behind it, whose LSN is greater than
  /// `above`. `stop` may be null. Errors: why the binlog cannot be read, for people; kUnavailable: also when
  /// the address leads to another server than that of the stream, which is begun anew; kCancelled: stopped.
  absl::StatusOr<StageMark> StageToMarker(const std::atomic<bool>* stop, std::int64_t above = 0)
      MIRROR_EXCLUDES(mutex_);

  /// The LSN behind which all groups lie that a snapshot with this place (binlog_snapshot_file, _position) of
  /// this server does not see, when the place is staged. Errors: those of StageToMarker(); kAborted: it is
  /// older than what was read: take another one.
  absl::StatusOr<std::int64_t> LsnOf(const BinlogPlace& place, std::uint32_t server,
                                     const std::atomic<bool>* stop) MIRROR_EXCLUDES(mutex_);

  /// Returns when each snapshot that is taken from then on sees all groups up to this LSN of a position:
  /// until then one may see less than the stage, and what the stage gave up of a table would be nowhere.
  absl::Status WaitUntilSeen(std::int64_t lsn, const std::atomic<bool>* stop) MIRROR_EXCLUDES(mutex_);

  /// What is staged, from the next group that is read.
  void SetTables(BinlogTables tables) MIRROR_EXCLUDES(mutex_);

  /// What happened to the binlog since the last call that people should know; mostly nothing.
  std::vector<std::string> TakeNews() MIRROR_EXCLUDES(mutex_);
  std::uint64_t changes() const { return changes_; }
  struct Reached {
    BinlogPlace place;        ///< Empty: nothing was read yet.
    std::int64_t time_s = 0;  ///< When that was written, unix time; 0: it is not known.
  };
  /// Up to where it was read.
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
  /// Where to read from, by what is on record.
  struct Begin {
    BinlogPosition position;
    std::string print;
    std::int64_t lsn = 0;
  };
  absl::StatusOr<Begin> FindBegin(mariadb::Connection& connection, const MariadbSource& place);
  /// Where it ends now, and whose it is.
  absl::StatusOr<BinlogPosition> EndOf(mariadb::Connection& connection);
  /// At its end, as if all tables were new: what came before is not known, and found by comparing.
  absl::StatusOr<Begin> GoOnAt(mariadb::Connection& connection, const std::string& why);
  absl::StatusOr<Begin> BeginAnother(mariadb::Connection& connection, StagedLog log);
  absl::StatusOr<Begin> BeginAnew(mariadb::Connection& connection, StagedLog log, const std::string& news);
  /// Of a stream that failed before it gave what is on record: what that means, kept in the stage.
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
  std::optional<StagingLock> lock_;  ///< The thread's.

  mutable Mutex mutex_;
  StopCondVar changed_;
  std::shared_ptr<BinlogStream> stream_ MIRROR_GUARDED_BY(mutex_);
  std::unique_ptr<BinlogIntake> intake_ MIRROR_GUARDED_BY(mutex_);  ///< Null: it is not connected.
  std::optional<BinlogPosition> begun_ MIRROR_GUARDED_BY(mutex_);   ///< From where the stream was read.
  bool needs_mark_ MIRROR_GUARDED_BY(mutex_) = false;               ///< The begin is not on record yet.
  BinlogPlace marked_at_ MIRROR_GUARDED_BY(mutex_);
  std::int64_t marked_lsn_ MIRROR_GUARDED_BY(mutex_) = 0;
  Time flushed_ MIRROR_GUARDED_BY(mutex_), marked_ MIRROR_GUARDED_BY(mutex_);
  std::shared_ptr<const BinlogTables> tables_ MIRROR_GUARDED_BY(mutex_);  ///< Null: not set since it began.
  bool is_asked_ MIRROR_GUARDED_BY(mutex_) = false;                       ///< Somebody waits: connect now.
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
