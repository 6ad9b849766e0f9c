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
  /// Commits are written after at most this time.
  std::chrono::milliseconds flush_within{1'000};
  /// After this much log a new position is made: up to it the server may drop its log.
  std::int64_t mark_bytes = 16 << 20;
  /// Time between two of these.
  std::chrono::milliseconds mark_within{5'000};
  /// A position is awaited as long as changes arrive, and this long without changes.
  std::chrono::milliseconds marker_within{120'000};
  std::chrono::milliseconds retry_max{30'000};
  /// Limit for waiting for open transactions when a slot is made.
  std::chrono::milliseconds slot_within{30'000};
};

/// A thread that stages a replication slot's changes as long as this object lives, with one stream. The first
/// StageToMarker() starts it, and it continues while rows are sent, so the server can drop its log without
/// waiting for the mirror. Changes on the stage's disk are confirmed up to the last position (marker) there.
/// The next stream gives that position first, which proves that the log is the same.
///
/// Threads: any.
class PostgresStaging : public LogKeeper {
 public:
  /// Opens the stage. Errors: those of Stage::Open().
  static absl::StatusOr<std::shared_ptr<PostgresStaging>> Open(PostgresStagingOptions options);
  ~PostgresStaging() override;

  Stage& stage() { return *stage_; }
  const PostgresStagingOptions& options() const { return options_; }

  /// Stages everything committed so far, and returns a later position. If another process has the slot, waits
  /// for it by the stage's file. `stop` may be null. Errors: why the log cannot be read, for people;
  /// kCancelled: stopped.
  absl::StatusOr<StageMark> StageToMarker(const std::atomic<bool>* stop);

  /// Sets the staged tables, from the next transaction that is read.
  void SetTables(StreamedTables tables) MIRROR_EXCLUDES(mutex_);
  /// Rows of tables that are unknown by then are skipped: call SetTables() before the first
  /// StageToMarker().
  bool has_tables() const { return tables_version_ > 0; }

  /// Returns the publication's tables, read with the caller's session, again after a change. Threads: one at
  /// a time.
  absl::StatusOr<std::shared_ptr<const LogCatalog>> Look(postgres::Connection& connection,
                                                         const std::string& schema);

  /// Asks the server on another session where its log ends, and waits for the stream to be there.
  std::optional<std::chrono::steady_clock::time_point> ReadToEnd(const std::stop_token& stop) override
      MIRROR_EXCLUDES(mutex_);

  /// State of the server's log at the last connect.
  struct Server {
    std::int64_t timeline = 0;
    std::int64_t flushed_lsn = 0;
  };
  Server server() const MIRROR_EXCLUDES(mutex_);
  /// Returns messages for people about the log since the last call; mostly none.
  std::vector<std::string> TakeNews() MIRROR_EXCLUDES(mutex_);

  struct Counts {
    std::uint64_t changes = 0;  ///< Decoded since this object was opened.
    std::int64_t confirmed_lsn = 0;
  };
  Counts counts() const;

 private:
  using Time = std::chrono::steady_clock::time_point;

  PostgresStaging(PostgresStagingOptions options, std::unique_ptr<Stage> stage);

  void Run(const std::stop_token& stop);
  absl::Status Work(const std::stop_token& stop);
  absl::Status PassMissingPublication(absl::Status why);
  absl::StatusOr<std::unique_ptr<LogStream>> Connect();
  /// Returns its confirmed position. Creates a missing slot.
  absl::StatusOr<std::int64_t> EnsureSlot();
  absl::Status CheckPublished(postgres::Connection& connection) const;
  /// Compares the slot with what was staged, and adjusts the stage to it.
  absl::Status FitStage(const PostgresSource& place, const LogServer& server, std::int64_t confirmed);
  absl::Status BeginAnew(const StagedLog& log, std::int64_t confirmed, const std::string& news);
  absl::Status Pump(LogStream& stream, LogIntake& intake, const std::stop_token& stop);
  absl::Status FlushIfDue(LogStream& stream, LogIntake& intake);
  void MarkIfDue(const LogStream& stream, const LogIntake& intake);
  /// Tells ReadToEnd() how far the stream is, if it waits.
  absl::Status TellEnd(LogStream& stream, const LogIntake& intake) MIRROR_EXCLUDES(mutex_);
  /// The end of the server's log, if all of it is on the server's disk, and the slot is read there.
  absl::StatusOr<std::uint64_t> FindEnd() MIRROR_EXCLUDES(mutex_);
  bool WaitForEnd(std::uint64_t lsn, Time until, const std::stop_token& stop) MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<std::string> EmitMarker();
  absl::Status WaitUntilConnected(const std::atomic<bool>* stop) MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<StageMark> WaitForMarker(std::string token, const std::atomic<bool>* stop);
  void AddNews(std::string news) MIRROR_EXCLUDES(mutex_);

  const PostgresStagingOptions options_;
  const std::unique_ptr<Stage> stage_;
  std::shared_ptr<PostgresSessions> sessions_;  ///< Used by the thread only.
  postgres::Pool markers_;
  std::unique_ptr<LogCatalogWatch> watch_;     ///< Used by Look() and ReadToEnd(), as the next member.
  std::shared_ptr<const LogCatalog> catalog_;  ///< What the last Look() returned.

  Time flushed_;               ///< Used by the thread only, as those that follow.
  Time marked_;                ///< Time of the last position that it made by itself.
  bool expects_mark_ = false;  ///< The stage's last position must arrive first.
  std::int64_t confirmed_at_open_ = 0;
  std::atomic<std::uint64_t> changes_ = 0;
  std::atomic<std::int64_t> confirmed_lsn_ = 0;

  mutable Mutex mutex_;
  StopCondVar changed_;
  std::shared_ptr<const StreamedTables> tables_ MIRROR_GUARDED_BY(mutex_);
  std::atomic<std::uint64_t> tables_version_ = 0;
  bool is_connected_ MIRROR_GUARDED_BY(mutex_) = false;
  bool is_asked_ MIRROR_GUARDED_BY(mutex_) = false;  ///< A caller waits: connect now.
  /// Position for which ReadToEnd() waits; 0: it does not wait.
  std::uint64_t awaited_ MIRROR_GUARDED_BY(mutex_) = 0;
  bool asks_end_ MIRROR_GUARDED_BY(mutex_) = false;      ///< The thread shall ask the server how far it is.
  std::uint64_t reached_ MIRROR_GUARDED_BY(mutex_) = 0;  ///< Everything below was staged; told while awaited.
  std::uint64_t failures_ MIRROR_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ MIRROR_GUARDED_BY(mutex_);
  Server server_ MIRROR_GUARDED_BY(mutex_);
  std::vector<std::string> news_ MIRROR_GUARDED_BY(mutex_);
  std::jthread thread_ MIRROR_GUARDED_BY(mutex_);  ///< The last member: it uses the others.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_STAGING_H_
