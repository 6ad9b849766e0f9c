#include "client/source/postgres/postgres_staging.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/lsn.h"
#include "base/db/postgres/rows.h"
#include "base/db/postgres/value.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/source/postgres/log_place.h"
#include "client/source/postgres/log_words.h"
#include "client/source/postgres/publication_facts.h"
#include "client/source/postgres/replication_slot.h"

namespace mirror {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kNextWithin{100};
constexpr std::chrono::milliseconds kRetryMin{100};
constexpr std::size_t kNewsMax = 100;

postgres::PoolOptions MarkerOptions(const PostgresAccess& access) {
  postgres::PoolOptions options;
  options.connect_as = ConnectToSource(access);
  options.name = "the source, for positions in its log";
  options.connections = 2;
  return options;
}

/// Reads the end of the server's log in memory and on disk, and whether a process reads the slot there. A
/// standby refuses this query.
constexpr char kLogEndSql[] =
    "SELECT pg_current_wal_insert_lsn()::text, pg_current_wal_flush_lsn()::text, EXISTS(SELECT FROM "
    "pg_replication_slots WHERE slot_name = $1 AND database = current_database() AND active)";

/// Whether all of a log is on disk. With synchronous_commit = off a commit that others see may not be. Behind
/// the end of a page the next record begins after the page's header.
bool IsOnDisk(std::uint64_t inserted, std::uint64_t flushed) {
  constexpr std::uint64_t kPage = 8'192, kHeader = 24, kFileHeader = 40;
  if (inserted <= flushed) return true;
  const std::uint64_t ahead = inserted - flushed;
  return flushed % kPage == 0 && (ahead == kHeader || ahead == kFileHeader);
}

/// "postgres SYSTEM OID".
std::string SystemOf(const std::string& database) {
  const std::size_t begin = database.find(' ');
  if (begin == std::string::npos) return "";
  return database.substr(begin + 1, database.find(' ', begin + 1) - begin - 1);
}

}  // namespace

absl::StatusOr<std::shared_ptr<PostgresStaging>> PostgresStaging::Open(PostgresStagingOptions options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Stage> stage, Stage::Open(options.stage));
  return std::shared_ptr<PostgresStaging>(new PostgresStaging(std::move(options), std::move(stage)));
}

PostgresStaging::PostgresStaging(PostgresStagingOptions options, std::unique_ptr<Stage> stage)
    : LogKeeper(stage->commits()),
      options_(std::move(options)),
      stage_(std::move(stage)),
      sessions_(std::make_shared<PostgresSessions>(options_.access)),
      markers_(MarkerOptions(options_.access)),
      tables_(std::make_shared<const StreamedTables>()) {}

PostgresStaging::~PostgresStaging() {
  std::jthread thread;
  {
    const MutexLock lock(mutex_);
    thread = std::move(thread_);
  }
  thread.request_stop();
  if (thread.joinable()) thread.join();
}

void PostgresStaging::SetTables(StreamedTables tables) {
  const MutexLock lock(mutex_);
  tables_ = std::make_shared<const StreamedTables>(std::move(tables));
  ++tables_version_;
}

PostgresStaging::Server PostgresStaging::server() const {
  const MutexLock lock(mutex_);
  return server_;
}

std::vector<std::string> PostgresStaging::TakeNews() {
  const MutexLock lock(mutex_);
  return std::exchange(news_, {});
}

void PostgresStaging::AddNews(std::string news) {
  const MutexLock lock(mutex_);
  if (news_.size() < kNewsMax) news_.push_back(std::move(news));
}

PostgresStaging::Counts PostgresStaging::counts() const { return {changes_.load(), confirmed_lsn_.load()}; }

// --- The thread ---------------------------------------------------------------

void PostgresStaging::Run(const std::stop_token& stop) {
  std::chrono::milliseconds retry = kRetryMin;
  while (!stop.stop_requested()) {
    const std::uint64_t before = changes_;
    absl::Status ended = Work(stop);
    if (LogTroubleOf(ended) == LogTrouble::kNoPublication) ended = PassMissingPublication(std::move(ended));
    if (stop.stop_requested()) return;
    retry = changes_ != before ? kRetryMin : std::min(retry * 2, options_.retry_max);
    // The log now begins elsewhere.
    if (absl::IsAborted(ended)) retry = kRetryMin;
    const MutexLock lock(mutex_);
    is_connected_ = false;
    failure_ = ended;
    ++failures_;
    is_asked_ = false;
    changed_.NotifyAll();
    changed_.WaitUntil(mutex_, stop, Clock::now() + retry,
                       [this]() MIRROR_REQUIRES(mutex_) { return is_asked_; });
  }
}

absl::Status PostgresStaging::Work(const std::stop_token& stop) {
  ASSIGN_OR_RETURN(std::unique_ptr<LogStream> stream, Connect());
  ASSIGN_OR_RETURN(const std::optional<StageMark> last, stage_->LastMark());
  ASSIGN_OR_RETURN(const std::int64_t place, stage_->Place());
  LogIntake intake(*stage_, expects_mark_ ? last : std::nullopt, place);
  flushed_ = marked_ = Clock::now();
  const absl::Status ended = Pump(*stream, intake, stop);
  if (!intake.is_other_log()) return ended;
  // Not the log whose positions were sent.
  ASSIGN_OR_RETURN(StagedLog log, ReadStagedLog(*stage_));
  log.past = StagedLog::Past::kRestored;
  absl::Status anew =
      BeginAnew(log, confirmed_at_open_,
                "the source's log no longer has a position that was read before: the database was restored, "
                "and other changes followed. Tables are populated");
  return anew.ok() ? ended : anew;
}

/// The publication did not exist at the slot's position, so the slot never gives any change. If it exists
/// now, moves the slot to the present end. Returns `why` if that is not possible.
absl::Status PostgresStaging::PassMissingPublication(absl::Status why) {
  absl::StatusOr<postgres::Lease> session = markers_.Take(postgres::ConnectAs{}.connect_within);
  if (!session.ok()) return why;
  const absl::StatusOr<std::optional<PublicationFacts>> publication =
      ReadPublication(**session, options_.publication);
  if (!publication.ok() || !*publication) return why;
  const absl::StatusOr<SlotLook> look = LookAtSlot(**session, options_.slot);
  if (!look.ok() || !AdvanceSlot(**session, options_.slot, look->end_lsn).ok()) return why;
  AddNews(absl::StrCat("the publication '", options_.publication,
                       "' was created after the replication slot, or created again: earlier changes in the "
                       "log are skipped"));
  return absl::AbortedError("the replication slot was moved past the part of the log without a publication");
}

absl::StatusOr<std::unique_ptr<LogStream>> PostgresStaging::Connect() {
  ASSIGN_OR_RETURN(const PostgresSource place, sessions_->Look());
  ASSIGN_OR_RETURN(const std::int64_t confirmed, EnsureSlot());
  absl::StatusOr<std::unique_ptr<LogStream>> stream =
      LogStream::Open(options_.access, options_.slot, options_.publication, 0);
  if (!stream.ok()) return stream;
  RETURN_IF_ERROR(FitStage(place, (*stream)->server(), confirmed));
  const MutexLock lock(mutex_);
  server_ = {(*stream)->server().timeline, static_cast<std::int64_t>((*stream)->server().flushed_lsn)};
  is_connected_ = true;
  failure_ = absl::OkStatus();
  changed_.NotifyAll();
  return stream;
}

absl::Status PostgresStaging::FitStage(const PostgresSource& place, const LogServer& server,
                                       std::int64_t confirmed) {
  using Past = StagedLog::Past;
  if (SystemOf(place.identity) != server.system_id) {
    return absl::UnavailableError(
        "two servers answered at one address while the log was opened. Nothing was read; the agent tries "
        "again");
  }
  ASSIGN_OR_RETURN(StagedLog log, ReadStagedLog(*stage_));
  ASSIGN_OR_RETURN(const std::optional<StageMark> last, stage_->LastMark());
  ASSIGN_OR_RETURN(const std::int64_t had, stage_->Place());
  expects_mark_ = false;
  // In a restored log it may be lower than before.
  confirmed_at_open_ = confirmed;
  confirmed_lsn_ = confirmed;
  const std::int64_t timeline = std::exchange(log.timeline, server.timeline);
  const std::string database = std::exchange(log.database, place.identity);
  if (database.empty()) return BeginAnew(log, confirmed, "");
  if (database != place.identity) {
    log.source_id.clear();
    log.past = Past::kWhole;
    return BeginAnew(log, confirmed,
                     "the source is another database than in the last run: it counts as a new source");
  }
  bool descends = false;
  if (server.timeline != timeline) {
    ASSIGN_OR_RETURN(const std::vector<TimelineSwitch> history,
                     ReadTimelineHistory(options_.access, server.timeline));
    descends = DescendsFrom(history, timeline);
  }
  if (descends) {
    log.past = Past::kPromoted;
    return BeginAnew(
        log, confirmed,
        "the source's server is a standby that was promoted, or was recovered: the tables are compared to "
        "find rows that the mirror lacks or should not have");
  }
  const std::int64_t before = last ? last->lsn : had;
  if (server.timeline != timeline || before > static_cast<std::int64_t>(server.flushed_lsn)) {
    log.past = Past::kRestored;
    return BeginAnew(log, confirmed,
                     "the source's server was restored to a state older than what was read from it. Tables "
                     "are populated");
  }
  expects_mark_ = last && confirmed <= last->lsn;
  if (expects_mark_ || confirmed <= before) return absl::OkStatus();
  constexpr char kWhy[] = "the replication slot was lost, created again or advanced: changes are missing";
  AddNews(absl::StrCat(kWhy, ". Tables are compared with the mirror"));
  RETURN_IF_ERROR(RaiseAllFloors(*stage_, std::max(had, confirmed), kWhy));
  return stage_->SetPlace(std::max(had, confirmed - 1));
}

absl::Status PostgresStaging::BeginAnew(const StagedLog& log, std::int64_t confirmed,
                                        const std::string& news) {
  RETURN_IF_ERROR(stage_->Clear());
  RETURN_IF_ERROR(KeepStagedLog(*stage_, log));
  if (!news.empty()) AddNews(news);
  // The slot's first message may be an earlier position, which identifies a lost stage again.
  return stage_->SetPlace(confirmed - 1);
}

absl::Status PostgresStaging::Pump(LogStream& stream, LogIntake& intake, const std::stop_token& stop) {
  std::uint64_t version = UINT64_MAX, changes = 0;
  while (!stop.stop_requested()) {
    ASSIGN_OR_RETURN(const std::optional<std::string_view> message, stream.Next(kNextWithin));
    // After the wait: changes committed after SetTables() are taken with these tables.
    if (const std::uint64_t now = tables_version_; now != version) {
      version = now;
      const MutexLock lock(mutex_);
      intake.SetTables(tables_);
    }
    if (message) {
      RETURN_IF_ERROR(intake.Take(*message));
      changes_ += intake.changes() - std::exchange(changes, intake.changes());
    }
    if (!intake.IsBetween()) continue;
    RETURN_IF_ERROR(TellEnd(stream, intake));
    RETURN_IF_ERROR(FlushIfDue(stream, intake));
    // Also after each flush: under a steady load there is always a message to read.
    if (!message || !intake.HasCommits()) MarkIfDue(stream, intake);
  }
  return absl::OkStatus();
}

absl::Status PostgresStaging::FlushIfDue(LogStream& stream, LogIntake& intake) {
  if (!intake.HasCommits()) return absl::OkStatus();
  const bool is_due = intake.HasMark() || stage_->unwritten_bytes() >= options_.stage.fold_bytes ||
                      Clock::now() - flushed_ >= options_.flush_within;
  if (!is_due) return absl::OkStatus();
  CrashPoint("stage.flushing");
  RETURN_IF_ERROR(intake.Flush());
  CrashPoint("stage.flushed");
  flushed_ = Clock::now();
  for (std::string& news : TellGivenUp(*stage_)) AddNews(std::move(news));
  const std::int64_t mark = intake.flushed_mark();
  if (mark <= confirmed_lsn_) return absl::OkStatus();
  confirmed_lsn_ = mark;
  absl::Status confirmed = stream.Confirm(static_cast<std::uint64_t>(mark));
  CrashPoint("source.confirmed");
  return confirmed;
}

/// Lets the server drop its log even if no cycle makes a position for long.
void PostgresStaging::MarkIfDue(const LogStream& stream, const LogIntake& intake) {
  const std::int64_t behind = static_cast<std::int64_t>(stream.server_end()) - intake.flushed_mark();
  const auto now = Clock::now();
  if (behind < options_.mark_bytes || now - marked_ < options_.mark_within) return;
  marked_ = now;
  // If it fails, a later call makes a position.
  (void)EmitMarker();
}

// --- The end of the log -------------------------------------------------------

absl::Status PostgresStaging::TellEnd(LogStream& stream, const LogIntake& intake) {
  bool asks = false;
  {
    const MutexLock lock(mutex_);
    if (awaited_ == 0 || !intake.verified()) return absl::OkStatus();
    asks = std::exchange(asks_end_, false);
    reached_ = stream.received();
    if (reached_ >= awaited_) changed_.NotifyAll();
  }
  return asks ? stream.AskEnd() : absl::OkStatus();
}

absl::StatusOr<std::uint64_t> PostgresStaging::FindEnd() {
  ASSIGN_OR_RETURN(postgres::Lease session, markers_.Take(kEndWithin));
  if (watch_ == nullptr || catalog_ == nullptr)
    return absl::FailedPreconditionError("no run has read it yet");
  ASSIGN_OR_RETURN(const std::shared_ptr<const LogCatalog> catalog, watch_->Look(*session));
  if (catalog != catalog_) return absl::AbortedError("definitions changed since the last run");
  ASSIGN_OR_RETURN(const postgres::Rows rows, session->Query(kLogEndSql, {postgres::Value(options_.slot)},
                                                             "asking where the server's log ends"));
  ASSIGN_OR_RETURN(const std::uint64_t inserted, postgres::ParseLsn(rows.View(0, 0)));
  ASSIGN_OR_RETURN(const std::uint64_t flushed, postgres::ParseLsn(rows.View(0, 1)));
  if (!rows.Bool(0, 2)) return absl::AbortedError("the slot is not read at this server");
  if (IsOnDisk(inserted, flushed)) return flushed;
  return absl::AbortedError("commits of the server are not on its disk yet");
}

bool PostgresStaging::WaitForEnd(std::uint64_t lsn, Time until, const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  if (!is_connected_) return false;
  awaited_ = lsn;
  asks_end_ = true;
  reached_ = 0;
  const bool is_there = changed_.WaitUntil(
      mutex_, stop, until, [&]() MIRROR_REQUIRES(mutex_) { return is_connected_ && reached_ >= lsn; });
  awaited_ = 0;
  return is_there;
}

std::optional<PostgresStaging::Time> PostgresStaging::ReadToEnd(const std::stop_token& stop) {
  const Time begun = Clock::now();
  const absl::StatusOr<std::uint64_t> end = FindEnd();
  if (!end.ok() || !WaitForEnd(*end, begun + kEndWithin, stop)) return std::nullopt;
  return begun;
}

// --- Positions ----------------------------------------------------------------

absl::StatusOr<std::int64_t> PostgresStaging::EnsureSlot() {
  ASSIGN_OR_RETURN(postgres::Lease session, markers_.Take(postgres::ConnectAs{}.connect_within));
  ASSIGN_OR_RETURN(SlotLook look, LookAtSlot(*session, options_.slot));
  if (look.slot && look.slot->is_lost()) {
    AddNews(absl::StrCat("the server dropped the log that the replication slot '", options_.slot,
                         "' was to keep (max_slot_wal_keep_size): the slot is created again"));
    RETURN_IF_ERROR(DropSlot(*session, options_.slot, options_.access.application_name));
    look.slot.reset();
  }
  if (absl::Status readable = WhyUnreadable(options_.slot, look); !readable.ok()) {
    if (LogTroubleOf(readable) != LogTrouble::kNoSlot) return readable;
  }
  if (look.slot) return static_cast<std::int64_t>(look.slot->confirmed_flush_lsn);
  // Without a publication the slot is never read, and the server would keep its log forever.
  RETURN_IF_ERROR(CheckPublished(*session));
  ASSIGN_OR_RETURN(const std::uint64_t made, CreateSlot(*session, options_.slot, options_.slot_within));
  // It may have been uninstalled during the wait for open transactions.
  if (absl::Status published = CheckPublished(*session); !published.ok()) {
    absl::Status dropped = DropSlot(*session, options_.slot, options_.access.application_name);
    return dropped.ok() ? published : dropped;
  }
  return static_cast<std::int64_t>(made);
}

absl::Status PostgresStaging::CheckPublished(postgres::Connection& connection) const {
  ASSIGN_OR_RETURN(const std::optional<PublicationFacts> facts,
                   ReadPublication(connection, options_.publication));
  return facts ? absl::OkStatus() : PublicationMissing(options_.publication, options_.slot, /*exists=*/false);
}

absl::StatusOr<std::shared_ptr<const LogCatalog>> PostgresStaging::Look(postgres::Connection& connection,
                                                                        const std::string& schema) {
  if (watch_ == nullptr) watch_ = std::make_unique<LogCatalogWatch>(schema, options_.publication);
  ASSIGN_OR_RETURN(catalog_, watch_->Look(connection));
  return catalog_;
}

absl::StatusOr<std::string> PostgresStaging::EmitMarker() {
  ASSIGN_OR_RETURN(postgres::Lease session, markers_.Take(postgres::ConnectAs{}.connect_within));
  std::string token = NewToken();
  if (const absl::StatusOr<std::uint64_t> emitted = mirror::EmitMarker(*session, token); !emitted.ok())
    return emitted.status();
  return token;
}

absl::Status PostgresStaging::WaitUntilConnected(const std::atomic<bool>* stop) {
  const MutexLock lock(mutex_);
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stopped) { Run(stopped); });
  }
  if (is_connected_) return absl::OkStatus();
  const std::uint64_t before = failures_;
  is_asked_ = true;
  changed_.NotifyAll();
  while (!is_connected_ && failures_ == before) {
    if (stop != nullptr && *stop) return absl::CancelledError("the agent was stopped");
    changed_.WaitUntil(mutex_, std::stop_token(), Clock::now() + kNextWithin,
                       [&]() MIRROR_REQUIRES(mutex_) { return is_connected_ || failures_ != before; });
  }
  if (is_connected_ || absl::IsAborted(failure_) || LogTroubleOf(failure_) == LogTrouble::kInUse)
    return absl::OkStatus();
  return failure_;
}

absl::StatusOr<StageMark> PostgresStaging::StageToMarker(const std::atomic<bool>* stop) {
  RETURN_IF_ERROR(WaitUntilConnected(stop));
  ASSIGN_OR_RETURN(const std::string token, EmitMarker());
  return WaitForMarker(token, stop);
}

absl::StatusOr<StageMark> PostgresStaging::WaitForMarker(std::string token, const std::atomic<bool>* stop) {
  std::uint64_t changes = changes_, failures = 0;
  {
    const MutexLock lock(mutex_);
    failures = failures_;
  }
  for (auto until = Clock::now() + options_.marker_within; Clock::now() < until;) {
    ASSIGN_OR_RETURN(std::optional<StageMark> mark, stage_->WaitForMark(token, kNextWithin.count()));
    if (mark) return *std::move(mark);
    if (stop != nullptr && *stop) return absl::CancelledError("the agent was stopped");
    if (changes_ != changes) {
      changes = changes_;
      until = Clock::now() + options_.marker_within;
    }
    bool begins_elsewhere = false;
    {
      const MutexLock lock(mutex_);
      if (is_connected_ || failures_ == failures) continue;
      // It was connected and failed since; another process that has the slot continues to read.
      begins_elsewhere = absl::IsAborted(failure_);
      if (!begins_elsewhere && LogTroubleOf(failure_) != LogTrouble::kInUse) return failure_;
      failures = failures_;
    }
    if (!begins_elsewhere) continue;
    // The log now begins elsewhere, perhaps after the awaited position: awaits a new one.
    ASSIGN_OR_RETURN(token, EmitMarker());
  }
  return absl::DeadlineExceededError(
      absl::StrCat("the agent wrote a position into the source's log and did not receive it within ",
                   options_.marker_within.count() / 1'000,
                   " s. Nothing was sent. Does another process read the replication slot '", options_.slot,
                   "'? SELECT active_pid FROM pg_replication_slots shows it"));
}

}  // namespace mirror
