#include "client/source/mariadb/mariadb_staging.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/mariadb/mariadb_log_facts.h"

namespace mirror {
namespace {

constexpr std::chrono::milliseconds kStagingLockLook{20};

absl::Status LockFailed(const std::string& path, const char* what) {
  return absl::UnavailableError(absl::StrCat("'", path, "' ", what, ": ", std::strerror(errno),
                                             ". Nothing was sent; give this user the right to write in "
                                             "[agent] 'state_dir' and check the disk"));
}

/// Empty: the process has not written it yet.
std::string HolderOf(int file) {
  std::array<char, 32> bytes;
  const ssize_t got = pread(file, bytes.data(), bytes.size(), 0);
  return got > 0 ? absl::StrCat(" ", std::string(bytes.data(), static_cast<std::size_t>(got))) : "";
}

}  // namespace

absl::StatusOr<StagingLock> StagingLock::Acquire(const std::string& path, std::chrono::milliseconds within,
                                                 const std::stop_token& stop) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return LockFailed(path, "cannot be opened");
  StagingLock lock(file);
  const auto until = std::chrono::steady_clock::now() + within;
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return LockFailed(path, "cannot be locked");
    if (stop.stop_requested()) return absl::CancelledError("the agent was stopped");
    if (std::chrono::steady_clock::now() >= until) {
      return absl::UnavailableError(absl::StrCat(
          "process", HolderOf(file),
          " already reads this source's binlog with the same server_id (it holds '", path,
          "'). Nothing was sent. If it is 'mirror-agent run', it sends by itself: stop it before another "
          "process sends"));
    }
    std::this_thread::sleep_for(kStagingLockLook);
  }
  const std::string holder = absl::StrCat(getpid());
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size()))
    return LockFailed(path, "cannot be written");
  return lock;
}

StagingLock::~StagingLock() {
  if (file_ < 0) return;
  // Closing alone would leave the lock to a child forked meanwhile, until it executes its own program.
  flock(file_, LOCK_UN);
  close(file_);
}

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kStagingLook{100};
constexpr std::chrono::milliseconds kStagingRetryMin{100};
/// Limit for one position.
constexpr int kReconnectsMax = 3;
constexpr std::size_t kStagingNewsMax = 100;
constexpr char kWasAhead[] =
    "the source's binlog ends before the position that was read: the server was restored to an older state. "
    "Tables are populated";
constexpr char kWasRestored[] =
    "the source's binlog is not the one that was read before: the server was restored, and other changes "
    "followed. Tables are populated";
constexpr std::chrono::milliseconds kSeenLook{10};
/// Start of a file if nothing is known of it.
constexpr std::uint64_t kFileBegin = 4;

/// Later snapshots see all groups that end up to this place.
absl::StatusOr<BinlogPlace> PlaceOfNewSnapshot(mariadb::Connection& connection) {
  RETURN_IF_ERROR(connection.Execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"));
  absl::StatusOr<BinlogPlace> place = ReadSnapshotPlace(connection);
  RETURN_IF_ERROR(connection.Execute("ROLLBACK"));
  return place;
}

/// Returns the binlog's present end, and its server.
absl::StatusOr<BinlogPosition> EndOf(mariadb::Connection& connection) {
  // Read before the end: groups after that end follow these GTIDs.
  ASSIGN_OR_RETURN(BinlogServer server, ReadBinlogServer(connection));
  ASSIGN_OR_RETURN(const BinlogPlace end, PlaceOfNewSnapshot(connection));
  BinlogPosition position{.again = {end.file, kFileBegin}, .end = end, .server = server.id};
  for (const binlog::Gtid& gtid : server.at) KeepGtid(gtid, &position.gtids);
  return position;
}

}  // namespace

absl::StatusOr<std::shared_ptr<MariadbStaging>> MariadbStaging::Open(MariadbStagingOptions options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Stage> stage, Stage::Open(options.stage));
  return std::shared_ptr<MariadbStaging>(new MariadbStaging(std::move(options), std::move(stage)));
}

MariadbStaging::MariadbStaging(MariadbStagingOptions options, std::unique_ptr<Stage> stage)
    : LogKeeper(stage->commits()),
      options_(std::move(options)),
      stage_(std::move(stage)),
      sessions_(std::make_shared<MariadbSessions>(options_.access)) {}

MariadbStaging::~MariadbStaging() {
  std::jthread thread;
  {
    const MutexLock lock(mutex_);
    is_over_ = true;
    thread = std::move(thread_);
    thread.request_stop();
    if (stream_ != nullptr) stream_->Interrupt();
  }
  if (thread.joinable()) thread.join();
}

void MariadbStaging::SetTables(BinlogTables tables) {
  const MutexLock lock(mutex_);
  tables_ = std::make_shared<const BinlogTables>(std::move(tables));
  if (intake_ != nullptr) intake_->SetTables(tables_);
}

MariadbStaging::Reached MariadbStaging::reached() const {
  const MutexLock lock(mutex_);
  return {reached_, reached_s_};
}

std::vector<std::string> MariadbStaging::TakeNews() {
  const MutexLock lock(mutex_);
  return std::exchange(news_, {});
}

void MariadbStaging::AddNews(std::string news) {
  if (news_.size() < kStagingNewsMax) news_.push_back(std::move(news));
}

// --- The thread ---------------------------------------------------------------

void MariadbStaging::Run(const std::stop_token& stop) {
  std::chrono::milliseconds retry = kStagingRetryMin;
  while (!stop.stop_requested()) {
    const std::uint64_t before = changes_;
    const absl::Status ended = Work(stop);
    if (stop.stop_requested()) return;
    retry = changes_ != before ? kStagingRetryMin : std::min(retry * 2, options_.retry_max);
    // The binlog now begins elsewhere.
    if (absl::IsAborted(ended)) retry = kStagingRetryMin;
    const MutexLock lock(mutex_);
    failure_ = ended;
    ++failures_;
    is_asked_ = false;
    changed_.NotifyAll();
    changed_.WaitUntil(mutex_, stop, Clock::now() + retry,
                       [this]() MIRROR_REQUIRES(mutex_) { return is_asked_; });
  }
}

absl::Status MariadbStaging::Work(const std::stop_token& stop) {
  absl::Status ended = Connect(stop);
  if (ended.ok()) ended = Pump(stop);
  bool verified = true;
  {
    const MutexLock lock(mutex_);
    if (intake_ != nullptr) verified = intake_->verified();
    // An error of the stage contains its own advice.
    const bool is_stage = std::string(ended.message()).find(options_.stage.path) != std::string::npos;
    if (verified && absl::IsDataLoss(ended) && !is_stage) ended = BinlogDamaged(reached_, ended);
    intake_.reset();
    stream_.reset();
  }
  return verified || ended.ok() || stop.stop_requested() ? ended : Explain(ended);
}

absl::Status MariadbStaging::Connect(const std::stop_token& stop) {
  if (!lock_) {
    ASSIGN_OR_RETURN(StagingLock lock, StagingLock::Acquire(absl::StrCat(options_.stage.path, ".lock"),
                                                            options_.lock_within, stop));
    lock_.emplace(std::move(lock));
  }
  ASSIGN_OR_RETURN(const MariadbSource place, sessions_->Look());
  ASSIGN_OR_RETURN(MariadbLease session, sessions_->Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(const std::vector<std::string> refusals, CheckBinlog(*session, options_.server_id));
  if (!refusals.empty()) return BinlogRefused(refusals);
  ASSIGN_OR_RETURN(const Begin begin, FindBegin(*session, place));
  RETURN_IF_ERROR(FindTables(*session));
  BinlogStreamOptions options;
  options.connect = {.dsn = options_.access.dsn,
                     .password_file = options_.access.password_file,
                     .program_name = options_.access.program_name};
  options.server_id = options_.server_id;
  options.from = begin.position.again;
  options.of = begin.position.server;
  ASSIGN_OR_RETURN(std::unique_ptr<BinlogStream> stream, BinlogStream::Open(options));
  const MutexLock lock(mutex_);
  if (is_over_) return absl::CancelledError("the agent was stopped");
  stream_ = std::move(stream);
  intake_ =
      std::make_unique<BinlogIntake>(*stage_, begin.lsn, begin.position, begin.print, options_.settled_after);
  intake_->SetTables(tables_);
  needs_mark_ = begin.print.empty();
  begun_ = begin.position;
  marked_at_ = begin.position.end;
  marked_lsn_ = begin.lsn;
  flushed_ = marked_ = Clock::now();
  failure_ = absl::OkStatus();
  return absl::OkStatus();
}

/// Keeps the tables of the earlier stream: a cycle may be about to begin with one that the stage does not
/// know yet. The binlog, or the next read of the catalogs, reports definitions that have changed.
absl::Status MariadbStaging::FindTables(mariadb::Connection& connection) {
  {
    const MutexLock lock(mutex_);
    if (tables_ != nullptr) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(BinlogTables tables, ReadBinlogTables(connection, *stage_));
  const MutexLock lock(mutex_);
  // Tables set meanwhile are newer.
  if (tables_ == nullptr) tables_ = std::make_shared<const BinlogTables>(std::move(tables));
  return absl::OkStatus();
}

/// Clears the tables first: a cycle that sets tables now finds them missing in the stage and sets them again.
absl::Status MariadbStaging::ClearStage() {
  {
    const MutexLock lock(mutex_);
    tables_.reset();
  }
  return stage_->Clear();
}

absl::StatusOr<MariadbStaging::Begin> MariadbStaging::FindBegin(mariadb::Connection& connection,
                                                                const MariadbSource& place) {
  ASSIGN_OR_RETURN(StagedLog log, ReadStagedLog(*stage_));
  const std::string database = std::exchange(log.database, place.identity);
  if (database.empty()) return BeginAnew(connection, std::move(log), "");
  if (database != place.identity) return BeginAnother(connection, std::move(log));
  ASSIGN_OR_RETURN(const std::optional<StageMark> last, stage_->LastMark());
  const std::optional<BinlogPosition> position = last ? ParseBinlogPosition(last->position) : std::nullopt;
  // It started, and died before it had a position.
  if (!position) return BeginAnew(connection, std::move(log), "");
  ASSIGN_OR_RETURN(const BinlogServer server, ReadBinlogServer(connection));
  switch (DescentOf(server, *position)) {
    case BinlogDescent::kSame:
      break;
    case BinlogDescent::kFollows:
      return GoOnAt(connection, absl::StrCat("the server with server_id ", server.id,
                                             " took over from the one with server_id ", position->server,
                                             ": the position of the last reading in its binlog is not "
                                             "known"));
    case BinlogDescent::kBehind:
      log.past = StagedLog::Past::kAhead;
      return BeginAnew(connection, std::move(log), kWasAhead);
    case BinlogDescent::kOther:
      return BeginAnother(connection, std::move(log));
  }
  ASSIGN_OR_RETURN(const std::vector<BinlogPlace> files, ReadBinlogFiles(connection));
  // File numbers under another name cannot be compared.
  const bool is_renamed =
      !files.empty() && NameOfBinlogs(files.back().file) != NameOfBinlogs(position->end.file);
  if (is_renamed)
    return GoOnAt(
        connection,
        "the server's binlog has another name than before (log_bin), and the position of the last reading in "
        "it is not known");
  const bool is_purged =
      !files.empty() && NumberOfBinlog(position->again.file) < NumberOfBinlog(files.front().file);
  // A server waits forever at an end that it has not reached, and events read again may begin there.
  const bool is_there = std::any_of(files.begin(), files.end(), [&](const BinlogPlace& file) {
    return file.file == position->end.file && file.offset >= position->end.offset;
  });
  if (!is_purged && !is_there) {
    log.past = StagedLog::Past::kAhead;
    return BeginAnew(connection, std::move(log), kWasAhead);
  }
  if (!is_purged) return Begin{*position, last->fingerprint, last->lsn};
  return GoOnAt(connection, "the server's binlog was purged before all of it was read: changes are missing");
}

absl::StatusOr<MariadbStaging::Begin> MariadbStaging::GoOnAt(mariadb::Connection& connection,
                                                             const std::string& why) {
  ASSIGN_OR_RETURN(const std::int64_t staged, stage_->Place());
  ASSIGN_OR_RETURN(const std::optional<StageMark> last, stage_->LastMark());
  const std::int64_t lsn = std::max(staged, last ? last->lsn : 0) + 1;
  RETURN_IF_ERROR(RaiseAllFloors(*stage_, lsn, why));
  ASSIGN_OR_RETURN(BinlogPosition end, EndOf(connection));
  const MutexLock lock(mutex_);
  AddNews(absl::StrCat(why, ". Tables are compared with the mirror"));
  return Begin{std::move(end), "", lsn};
}

absl::StatusOr<MariadbStaging::Begin> MariadbStaging::BeginAnother(mariadb::Connection& connection,
                                                                   StagedLog log) {
  log.source_id.clear();
  log.past = StagedLog::Past::kWhole;
  return BeginAnew(connection, std::move(log),
                   "the source is another database than in the last run: it counts as a new source");
}

absl::StatusOr<MariadbStaging::Begin> MariadbStaging::BeginAnew(mariadb::Connection& connection,
                                                                StagedLog log, const std::string& news) {
  ASSIGN_OR_RETURN(BinlogPosition end, EndOf(connection));
  RETURN_IF_ERROR(ClearStage());
  RETURN_IF_ERROR(KeepStagedLog(*stage_, log));
  if (!news.empty()) {
    const MutexLock lock(mutex_);
    AddNews(news);
  }
  // Above all LSNs of an earlier stage, which never had a group per microsecond.
  return Begin{std::move(end), "", NowMs() * 1'000};
}

absl::Status MariadbStaging::Explain(const absl::Status& failed) {
  const bool is_ahead = absl::IsOutOfRange(failed) || absl::IsNotFound(failed);
  if (!is_ahead && !absl::IsAborted(failed) && !absl::IsDataLoss(failed)) return failed;
  absl::StatusOr<MariadbLease> session = sessions_->Take(MariadbUse::kCatalogs);
  if (!session.ok()) return failed;
  ASSIGN_OR_RETURN(StagedLog log, ReadStagedLog(*stage_));
  log.past = is_ahead ? StagedLog::Past::kAhead : StagedLog::Past::kRestored;
  RETURN_IF_ERROR(ClearStage());
  RETURN_IF_ERROR(KeepStagedLog(*stage_, log));
  const MutexLock lock(mutex_);
  AddNews(is_ahead ? kWasAhead : kWasRestored);
  return absl::AbortedError(std::string(failed.message()));
}

absl::Status MariadbStaging::Pump(const std::stop_token& stop) {
  std::shared_ptr<BinlogStream> stream;
  {
    const MutexLock lock(mutex_);
    stream = stream_;
  }
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN(const std::optional<binlog::Event> event, stream->Next());
    if (!event) return absl::UnavailableError("the server ended the stream of its binlog");
    const MutexLock lock(mutex_);
    RETURN_IF_ERROR(Take(*event, stream->before(), stream->place()));
  }
  return absl::OkStatus();
}

absl::Status MariadbStaging::Take(const binlog::Event& event, const BinlogPlace& before,
                                  const BinlogPlace& after) {
  RETURN_IF_ERROR(intake_->Take(event, before, after));
  changes_ = intake_->changes();
  if (intake_->IsBetween()) reached_ = after;
  if (event.time_s != 0) reached_s_ = event.time_s;
  if (!intake_->IsBetween() || !intake_->verified()) return absl::OkStatus();
  if (std::exchange(needs_mark_, false)) return MarkAndFlush();
  RETURN_IF_ERROR(FlushIfDue());
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::Status MariadbStaging::MarkAndFlush() {
  if (absl::StatusOr<StageMark> mark = intake_->Mark(NewToken(), 0, NowMs()); !mark.ok())
    return mark.status();
  RETURN_IF_ERROR(Flush());
  marked_ = flushed_;
  marked_at_ = intake_->place();
  marked_lsn_ = intake_->last_lsn();
  changed_.NotifyAll();
  return absl::OkStatus();
}

absl::Status MariadbStaging::FlushIfDue() {
  const Time now = Clock::now();
  const bool is_far = intake_->place().file != marked_at_.file ||
                      intake_->place().offset - marked_at_.offset >= options_.mark_bytes ||
                      (now - marked_ >= options_.mark_within && intake_->last_lsn() != marked_lsn_);
  if (is_far) return MarkAndFlush();
  if (!intake_->HasCommits()) return absl::OkStatus();
  if (stage_->unwritten_bytes() < options_.stage.fold_bytes && now - flushed_ < options_.flush_within)
    return absl::OkStatus();
  return Flush();
}

absl::Status MariadbStaging::Flush() {
  CrashPoint("stage.flushing");
  RETURN_IF_ERROR(intake_->Flush());
  CrashPoint("stage.flushed");
  flushed_ = Clock::now();
  for (std::string& news : TellGivenUp(*stage_)) AddNews(std::move(news));
  return absl::OkStatus();
}

// --- Positions ----------------------------------------------------------------

absl::Status MariadbStaging::WaitUntilConnected(const std::atomic<bool>* stop) {
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stopped) { Run(stopped); });
  }
  const std::uint64_t before = failures_;
  is_asked_ = true;
  changed_.NotifyAll();
  const auto is_there = [this]()
                            MIRROR_REQUIRES(mutex_) { return intake_ != nullptr && intake_->verified(); };
  const auto until = Clock::now() + options_.marker_within;
  while (!is_there()) {
    if (Clock::now() >= until) {
      return absl::DeadlineExceededError(absl::StrCat(
          "the agent did not reach the position of the last reading in the source's binlog within ",
          options_.marker_within.count() / 1'000, " s. Nothing was sent; run again"));
    }
    // A binlog that begins elsewhere is read at once.
    if (failures_ != before && !absl::IsAborted(failure_)) return failure_;
    if (failures_ > before + 3) return failure_;
    if (stop != nullptr && *stop) return absl::CancelledError("the agent was stopped");
    changed_.WaitUntil(mutex_, std::stop_token(), Clock::now() + kStagingLook,
                       [&]() MIRROR_REQUIRES(mutex_) { return is_there(); });
  }
  return absl::OkStatus();
}

/// Waits until a place outside of groups is reached; all groups that end up to it are taken.
absl::Status MariadbStaging::WaitUntilAt(const BinlogPlace& place, std::uint32_t server,
                                         const std::atomic<bool>* stop) {
  RETURN_IF_ERROR(WaitUntilConnected(stop));
  // With several hosts, or an address that moved, places of one server are invalid for another.
  const auto is_other = [&]() MIRROR_REQUIRES(mutex_) { return begun_->server != server; };
  const auto is_there = [&]() MIRROR_REQUIRES(mutex_) {
    return intake_ != nullptr && intake_->verified() && intake_->IsBetween() &&
           !IsBefore(intake_->place(), place);
  };
  std::uint64_t changes = changes_, failures = failures_;
  int reconnects = 0;
  for (auto until = Clock::now() + options_.marker_within; is_other() || !is_there();) {
    if (is_other()) {
      if (stream_ != nullptr) stream_->Interrupt();
      return absl::UnavailableError(
          absl::StrCat("the source's address led to two servers in one run, those with server_id ",
                       begun_->server, " and ", server, ". Nothing was sent; run again"));
    }
    if (failures_ != failures) {
      if (++reconnects > kReconnectsMax) return failure_;
      RETURN_IF_ERROR(WaitUntilConnected(stop));
      failures = failures_;
      continue;
    }
    if (stop != nullptr && *stop) return absl::CancelledError("the agent was stopped");
    if (changes_ != changes) {
      changes = changes_;
      until = Clock::now() + options_.marker_within;
    }
    if (Clock::now() >= until) {
      return absl::DeadlineExceededError(
          absl::StrCat("the agent did not reach the end of the source's binlog within ",
                       options_.marker_within.count() / 1'000,
                       " s. Nothing was sent. Does another agent read it as server_id ", options_.server_id,
                       "? Each agent needs its own"));
    }
    changed_.WaitUntil(mutex_, std::stop_token(), Clock::now() + kStagingLook, is_there);
  }
  return absl::OkStatus();
}

std::optional<MariadbStaging::Time> MariadbStaging::ReadToEnd(const std::stop_token& stop) {
  const Time begun = Clock::now();
  BinlogPlace end;
  std::uint32_t server = 0;
  {
    const absl::StatusOr<MariadbLease> session = sessions_->Take(MariadbUse::kCatalogs);
    if (!session.ok()) return std::nullopt;
    absl::StatusOr<BinlogPlace> now = ReadBinlogEnd(**session);
    const absl::StatusOr<BinlogServer> who = ReadBinlogServer(**session);
    if (!now.ok() || !who.ok()) return std::nullopt;
    end = *std::move(now);
    server = who->id;
  }
  const MutexLock lock(mutex_);
  const auto is_there = [&]() MIRROR_REQUIRES(mutex_) {
    return intake_ != nullptr && intake_->verified() && intake_->IsBetween() && begun_ &&
           begun_->server == server && !IsBefore(intake_->place(), end);
  };
  return changed_.WaitUntil(mutex_, stop, begun + kEndWithin, is_there) ? std::optional(begun) : std::nullopt;
}

absl::StatusOr<StageMark> MariadbStaging::StageToMarker(const std::atomic<bool>* stop, std::int64_t above) {
  BinlogPlace end;
  std::uint32_t server = 0;
  {
    ASSIGN_OR_RETURN(MariadbLease session, sessions_->Take(MariadbUse::kCatalogs));
    absl::StatusOr<BinlogPlace> now = ReadBinlogEnd(*session);
    if (!now.ok()) {
      // Reports the missing rights and settings, and how to set them.
      const absl::StatusOr<std::vector<std::string>> refusals = CheckBinlog(*session, options_.server_id);
      return refusals.ok() && !refusals->empty() ? BinlogRefused(*refusals) : now.status();
    }
    end = *std::move(now);
    ASSIGN_OR_RETURN(const BinlogServer who, ReadBinlogServer(*session));
    server = who.id;
  }
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(WaitUntilAt(end, server, stop));
  absl::StatusOr<StageMark> mark = intake_->Mark(NewToken(), above, NowMs());
  if (!mark.ok()) return mark;
  RETURN_IF_ERROR(Flush());
  marked_ = flushed_;
  marked_at_ = intake_->place();
  marked_lsn_ = mark->lsn;
  return mark;
}

absl::StatusOr<std::int64_t> MariadbStaging::LsnOf(const BinlogPlace& place, std::uint32_t server,
                                                   const std::atomic<bool>* stop) {
  const MutexLock lock(mutex_);
  RETURN_IF_ERROR(WaitUntilAt(place, server, stop));
  const std::optional<std::int64_t> lsn = intake_->LsnAt(place);
  if (lsn) return *lsn;
  return absl::AbortedError(
      "rows were read in a state from before the binlog that was read: they are read again");
}

/// A group is in the binlog slightly before it is in the tables.
absl::Status MariadbStaging::WaitUntilSeen(std::int64_t lsn, const std::atomic<bool>* stop) {
  ASSIGN_OR_RETURN(MariadbLease session, sessions_->Take(MariadbUse::kCatalogs));
  ASSIGN_OR_RETURN(const BinlogServer server, ReadBinlogServer(*session));
  for (const auto until = Clock::now() + options_.marker_within; Clock::now() < until;) {
    ASSIGN_OR_RETURN(const BinlogPlace place, PlaceOfNewSnapshot(*session));
    const absl::StatusOr<std::int64_t> seen = LsnOf(place, server.id, stop);
    if (!seen.ok() && !absl::IsAborted(seen.status())) return seen.status();
    if (seen.ok() && *seen >= lsn) return absl::OkStatus();
    if (stop != nullptr && *stop) return absl::CancelledError("the agent was stopped");
    std::this_thread::sleep_for(kSeenLook);
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "a transaction has been in the source's binlog for ", options_.marker_within.count() / 1'000,
      " s without being committed. Nothing was sent. Does the server wait for a replica (semi-synchronous "
      "replication)?"));
}

}  // namespace mirror
