#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_STAGING_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_STAGING_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "client/source/kept_log.h"
#include "client/source/postgres/log_catalog.h"
#include "client/source/postgres/log_intake.h"
#include "client/source/postgres/log_stream.h"
#include "client/source/postgres/logged_rows.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/server/stage.h"
#include "client/source/server/staged_log.h"

namespace mirror {

struct PostgresStagingOptions {
  PostgresAccess access;
  std::string slot, publication;
  StageOptions stage;
  /// Commits wait for so long until they are written.
  std::chrono::milliseconds flush_within{1'000};
  /// So much log behind the last position, and a new one is made: up to there the server may drop its log.
  std::int64_t mark_bytes = 16 << 20;
  /// Between two of these.
  std::chrono::milliseconds mark_within{5'000};
  /// A position is waited for as long as changes come, and so long when none do.
  std::chrono::milliseconds marker_within{120'000};
  std::chrono::milliseconds retry_max{30'000};
  /// For open transactions, when a slot is made.
  std::chrono::milliseconds slot_within{30'000};
};

/// A thread that takes a replication slot's changes into the stage, for as long as this lives, by one stream.
/// It is begun by the first StageToMarker(), and goes on while rows are sent: so the server never waits for
/// the mirror to drop its log. What the stage has on disk is confirmed up to the last position (marker)
/// there: the next stream gives that first, and by it the log is known to be the same.
///
/// Threads: any.
class PostgresStaging : public LogKeeper {
 public:
  /// Opens the stage. Errors: those of Stage::Open().
  static absl::StatusOr<std::shared_ptr<PostgresStaging>> Open(PostgresStagingOptions options);
  ~PostgresStaging() override;

  Stage& stage() { return *stage_; }
  const PostgresStagingOptions& options() const { return options_; }

  /// All that is committed now is in the stage, and the position behind it. Where another process has the
  /// slot, that is waited for in the stage's file. `stop` may be null. Errors: why the log cannot be read,
  /// for people; kCancelled: stopped.
  absl::StatusOr<StageMark> StageToMarker(const std::atomic<bool>* stop);

  /// What is staged, from the next transaction that is read.
  void SetTables(StreamedTables tables) MIRROR_EXCLUDES(mutex_);
  /// Rows of tables that are not known by then are passed over: SetTables() comes before the first
  /// StageToMarker().
  bool has_tables() const { return tables_version_ > 0; }

  /// The publication's tables, by a session of the caller's: read again when something moved. Threads: one at
  /// a time.
  absl::StatusOr<std::shared_ptr<const LogCatalog>> Look(postgres::Connection& connection,
                                                         const std::string& schema);

  /// Of the server's log, when it was connected last.
  struct Server {
    std::int64_t timeline = 0;
    std::int64_t flushed_lsn = 0;
  };
  Server server() const MIRROR_EXCLUDES(mutex_);
  /// What happened to the log since the last call that people should know; mostly nothing.
  std::vector<std::string> TakeNews() MIRROR_EXCLUDES(mutex_);

  struct Counts {
    std::uint64_t changes = 0;   ///< Decoded since this was opened.
    std::int64_t lag_bytes = 0;  ///< Of the server's log behind the last position on disk.
    std::int64_t confirmed_lsn = 0;
  };
  Counts counts() const;

 private:
  PostgresStaging(PostgresStagingOptions options, std::unique_ptr<Stage> stage);

  void Run(const std::stop_token& stop);
  absl::Status Work(const std::stop_token& stop);
  absl::Status PassMissingPublication(absl::Status why);
  absl::StatusOr<std::unique_ptr<LogStream>> Connect();
  /// Its confirmed position. One that is not there is made.
  absl::StatusOr<std::int64_t> EnsureSlot();
  absl::Status CheckPublished(postgres::Connection& connection) const;
  /// What the slot is to what was staged; the stage is made to fit it.
  absl::Status FitStage(const PostgresSource& place, const LogServer& server, std::int64_t confirmed);
  absl::Status BeginAnew(const StagedLog& log, std::int64_t confirmed, const std::string& news);
  absl::Status Pump(LogStream& stream, LogIntake& intake, const std::stop_token& stop);
  absl::Status FlushIfDue(LogStream& stream, LogIntake& intake);
  void MarkIfDue(const LogStream& stream, const LogIntake& intake);
  absl::StatusOr<std::string> EmitMarker();
  absl::Status WaitUntilConnected(const std::atomic<bool>* stop) MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<StageMark> WaitForMarker(std::string token, const std::atomic<bool>* stop);
  void AddNews(std::string news) MIRROR_EXCLUDES(mutex_);

  const PostgresStagingOptions options_;
  const std::unique_ptr<Stage> stage_;
  std::shared_ptr<PostgresSessions> sessions_;  ///< The thread's own.
  postgres::Pool markers_;
  std::unique_ptr<LogCatalogWatch> watch_;  ///< Of Look().

  using Time = std::chrono::steady_clock::time_point;
  Time flushed_;               ///< The thread's own, as those that follow.
  Time marked_;                ///< When it last made a position by itself.
  bool expects_mark_ = false;  ///< The stage's last position is to come first.
  std::int64_t confirmed_at_open_ = 0;
  std::atomic<std::uint64_t> changes_ = 0;
  std::atomic<std::int64_t> lag_bytes_ = 0, confirmed_lsn_ = 0;

  mutable Mutex mutex_;
  StopCondVar changed_;
  std::shared_ptr<const StreamedTables> tables_ MIRROR_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> tables_version_ = 0;
  bool is_connected_ MIRROR_GUARDED_BY(mutex_) = false;
  bool is_asked_ MIRROR_GUARDED_BY(mutex_) = false;  ///< Somebody waits: connect now.
  std::uint64_t failures_ MIRROR_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ MIRROR_GUARDED_BY(mutex_);
  Server server_ MIRROR_GUARDED_BY(mutex_);
  std::vector<std::string> news_ MIRROR_GUARDED_BY(mutex_);
  std::jthread thread_ MIRROR_GUARDED_BY(mutex_);  ///< The last member: it uses the others.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_STAGING_H_
