#include "client/command/run.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_watch.h"
#include "base/http/metrics_listener.h"
#include "base/human_text.h"
#include "base/mutex.h"
#include "base/system_user.h"
#include "client/command/commands.h"
#include "client/command/expiry.h"
#include "client/command/heartbeat.h"
#include "client/command/json_lines.h"
#include "client/command/report.h"
#include "client/command/schedule.h"
#include "client/run/last_run.h"
#include "client/run/open_log.h"
#include "client/run/source_run.h"
#include "client/source/change_signal.h"
#include "client/state/lock_file.h"
#include "client/wire/block_memory.h"

namespace mirror {
namespace {

/// Least time between two readings of a table that the mirror refused for a value of its key: each of them
/// may read all rows.
constexpr std::int64_t kKeyLookIntervalMs = 300'000;

/// Data shared by the threads.
struct Shared {
  Mutex printing;
  std::ostream& out MIRROR_GUARDED_BY(printing);
  std::ostream& err MIRROR_GUARDED_BY(printing);
  JsonLines* lines MIRROR_GUARDED_BY(printing) = nullptr;  ///< For JSON output, instead of `out`.
  const AgentConfig& config;
  Turns& turns;
  FileWatcher& files;
  DailyWarnings warnings MIRROR_GUARDED_BY(printing) = {};
};

/// Selects the runs of one source that get a line: runs with changes, the first quiet one after
/// these, and then one a minute. A note that the run before had, too, is no change. Threads: one.
class ToldRuns {
 public:
  /// Absent: this run gets no line. Else the number of runs without one since the last line.
  std::optional<std::uint64_t> Tell(CycleReport report, std::chrono::steady_clock::time_point now) {
    const bool is_noted = report.notes == notes_;
    notes_ = std::exchange(report.notes, {});
    const bool quiet = Quiet(report);
    const bool follows_quiet = std::exchange(was_quiet_, quiet) && is_noted;
    if (quiet && follows_quiet && now - last_line_ < kQuietLine) {
      ++untold_;
      return std::nullopt;
    }
    last_line_ = now;
    return std::exchange(untold_, 0);
  }

 private:
  static constexpr std::chrono::minutes kQuietLine{1};
  bool was_quiet_ = false;
  std::vector<std::string> notes_;
  std::uint64_t untold_ = 0;
  std::chrono::steady_clock::time_point last_line_;
};

/// `context_id`: empty for a warning about no source.
void PrintWarning(Shared& shared, const std::string& context_id, const std::string& words)
    MIRROR_REQUIRES(shared.printing) {
  if (shared.lines != nullptr) {
    shared.lines->Write("warning", context_id, words);
    return;
  }
  shared.err << "mirror-agent: warning: ";
  if (!context_id.empty()) shared.err << '\'' << context_id << "': ";
  shared.err << words << '\n' << std::flush;
}

/// Empty: there is nothing to say.
void WarnIfAny(Shared& shared, const std::string& context_id, const std::string& words) {
  if (words.empty()) return;
  const MutexLock lock(shared.printing);
  PrintWarning(shared, context_id, words);
}

/// Prints the whole run at once, never mixed with others. `untold`: see ToldRuns.
void Print(Shared& shared, const SourceRun& run, Schedule::Time next, std::uint64_t untold) {
  std::ostringstream out, err;
  PrintRunBriefly(run, out, err);
  if (untold > 0 && Quiet(run.report)) out << ", as in " << Counted(untold, "run") << " before";
  const MutexLock lock(shared.printing);
  if (shared.lines != nullptr) {
    shared.lines->Write("cycle", run.config->context_id, RunInWords(run));
  } else {
    shared.out << UtcTime(std::chrono::system_clock::now()) << "  " << out.str()
               << (Quiet(run.report) ? ", next run " : "  next run ") << UtcTime(next) << '\n'
               << std::flush;
  }
  shared.err << err.str() << std::flush;
  for (const std::string& warning : shared.warnings.Due(shared.config, std::time(nullptr))) {
    PrintWarning(shared, "", warning);
  }
}

/// Maximum time between two checks whether the clock was set.
constexpr std::chrono::seconds kClockLook(30);

/// Time between the begins of two cycles that changes begin.
constexpr std::chrono::milliseconds kChangeStep(50);
/// After a run that read whole tables no change begins a cycle for this many times its duration, so that a
/// source with such tables is not read without end.
constexpr int kRest = 9;
/// The least wait from a change to its cycle in a source whose writers wait for readers.
constexpr std::chrono::milliseconds kJournalDelay(1'000);

/// Whether a run read all rows of a table to find changes. A population is due once.
bool ReadsWholeTables(const SourceConfig& source, const CycleReport& report) {
  const auto is_read = [&source](const TableConfig& table) {
    const Strategy strategy = StrategyOf(source, table);
    return strategy == Strategy::kSynthetic || strategy == Strategy::kWatermarkCdc ||
           strategy == Strategy::kPopulate;
  };
  return source.strategy != Strategy::kCdc || !report.unlogged.empty() ||
         std::any_of(source.tables.begin(), source.tables.end(), is_read) ||
         std::any_of(report.tables.begin(), report.tables.end(),
                     [](const TableReport& table) { return table.compared > 0; });
}

/// The ChangeSignal of a source, and whether it can be used now. Threads: one.
class Following {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// All arguments must outlive it. `random` returns numbers from 0 to 1.
  Following(const SourceConfig& source, const KeptLog& kept, FileWatcher& watcher,
            const Connection& connection, std::function<double()> random)
      : source_(source),
        kept_(kept),
        signal_(OpenSignal(source, kept, watcher)),
        heartbeats_(CallEndpoint(connection, source.context_id), &std::chrono::steady_clock::now,
                    std::move(random)) {}

  /// To be called before each run. Returns, once for each new reason, why the source is not followed.
  std::string Mark() {
    if (signal_ == nullptr) return "";
    heartbeats_.Begun();
    begun_ = std::chrono::steady_clock::now();
    return Once(std::string(signal_->Mark().message()));
  }
  /// To be called after each run. Returns the same as Mark().
  std::string Ended(const CycleReport& report) {
    const Time now = std::chrono::steady_clock::now();
    // The cycle was completed, even if tables failed.
    completed_ = report.outcome == Outcome::kDone;
    heartbeats_.Ended(completed_ ? report.heartbeat : std::nullopt);
    rest_until_ = ReadsWholeTables(source_, report) ? now + kRest * (now - begun_) : Time();
    return signal_ != nullptr && kept_.is_missing ? Once(std::string(CannotFollow().message())) : "";
  }
  /// Null: the next run begins by time alone.
  ChangeSignal* signal() const { return completed_ ? signal_.get() : nullptr; }
  HeartbeatSender& heartbeats() { return heartbeats_; }
  /// Waits until the cycle of a change may begin, at most so long. False: a stop was requested.
  bool Delay(std::chrono::nanoseconds most, const std::stop_token& stop) const {
    const Time now = std::chrono::steady_clock::now();
    const std::chrono::nanoseconds least =
        signal_->WritersWait() ? kJournalDelay : std::chrono::milliseconds(0);
    const std::chrono::nanoseconds wait = std::max(
        {std::chrono::nanoseconds(std::chrono::milliseconds(source_.follow_delay_ms)), least,
         std::chrono::nanoseconds(begun_ + kChangeStep - now), std::chrono::nanoseconds(rest_until_ - now)});
    return SleepFor(std::min(wait, most), stop);
  }

 private:
  std::string Once(std::string why) { return std::exchange(why_, why) == why ? "" : why; }

  const SourceConfig& source_;
  const KeptLog& kept_;
  const std::unique_ptr<ChangeSignal> signal_;  ///< Null: not followed.
  HeartbeatSender heartbeats_;
  Time begun_, rest_until_;
  bool completed_ = false;
  std::string why_;
};

/// The reason why a wait for a run ended.
enum class Woken : std::uint8_t {
  kTime,
  kSoon,  ///< Before its time: the source has a change, or the endpoint refused a heartbeat.
  kStop,
};

/// Waits until `time`, or until a change outside of quiet hours. Sends the heartbeats meanwhile.
Woken WaitForRun(Schedule::Time time, const Schedule& schedule, Following& following,
                 const std::stop_token& stop) {
  ChangeSignal* signal = following.signal();
  const Wait wait(time, std::chrono::system_clock::now(), std::chrono::steady_clock::now());
  while (!stop.stop_requested()) {
    const Schedule::Time now = std::chrono::system_clock::now();
    const auto left = wait.Left(now, std::chrono::steady_clock::now());
    if (left.count() == 0) return Woken::kTime;
    const auto nap = std::min<std::chrono::nanoseconds>(left, kClockLook);
    if (signal == nullptr || schedule.IsQuiet(now)) {
      SleepFor(nap, stop);
      continue;
    }
    HeartbeatSender& heartbeats = following.heartbeats();
    const ChangeSignal::Heard heard = signal->Wait(std::min(nap, heartbeats.UntilDue().value_or(nap)), stop);
    if (heard == ChangeSignal::Heard::kChange) return Woken::kSoon;
    // The next run says why the source cannot be read.
    if (heard == ChangeSignal::Heard::kLost) signal = nullptr;
    if (signal == nullptr || stop.stop_requested() || schedule.IsQuiet(std::chrono::system_clock::now()))
      continue;
    if (heartbeats.SendIfDue(*signal, stop) == HeartbeatSender::Sent::kRefused) return Woken::kSoon;
  }
  return Woken::kStop;
}

/// Returns when the next run begins, if no change begins it. `planned`: the time that was planned before this
/// run, which `woken` began.
Schedule::Time NextRun(Schedule& schedule, const SourceRun& run, Schedule::Time begun, Woken woken,
                       Schedule::Time planned) {
  const bool completed = run.report.outcome == Outcome::kDone;
  const Schedule::Time ended = std::chrono::system_clock::now();
  // A failed table is tried again by its own schedule, however many changes other tables have.
  if (woken == Woken::kSoon && completed && !run.report.Good() && planned > ended) return planned;
  const Schedule::Time next = schedule.Next(begun, ended, run.report.Good());
  return run.config->follow && !completed ? std::min(next, schedule.Soon(ended)) : next;
}

void RunOne(const AgentConfig& config, std::size_t number, const Connection& connection,
            const std::stop_token& stop, Shared& shared, AgentMetrics* metrics) {
  const SourceConfig& source = config.sources[number];
  std::mt19937_64 generator(std::random_device{}());
  const auto random = [&] { return std::uniform_real_distribution<double>(0, 1)(generator); };
  Schedule schedule(std::chrono::milliseconds(source.interval_ms), source.quiet, random, source.cron);
  std::atomic<bool> stopping = false;
  const std::stop_callback tell(stop, [&] { stopping = true; });
  const absl::StatusOr<std::optional<LastRun>> last =
      LastRun::Load(config.agent.state_dir, source.context_id);
  const bool was_good = last.ok() && last->has_value() && (*last)->good;
  const Schedule::Time now = std::chrono::system_clock::now();
  Schedule::Time next = schedule.First(now, was_good);
  KeptLog kept;
  ToldRuns told;
  Following following(source, kept, shared.files, connection, random);
  // A time given by cron is kept as it is.
  if (next == now) {
    next += FirstWait(number, config.sources.size(), std::chrono::milliseconds(source.interval_ms));
  }
  for (;;) {
    const Woken woken = WaitForRun(next, schedule, following, stop);
    if (woken == Woken::kStop) return;
    // The clock was set back: the planned time is still to come, or an earlier one comes first.
    const auto now_set = std::chrono::system_clock::now();
    if (woken == Woken::kTime && source.cron && now_set < next) {
      next = schedule.Regular(now_set, now_set);
      continue;
    }
    if (woken == Woken::kSoon && !following.Delay(next - now_set, stop)) return;
    // The quiet hours may have begun during the wait.
    if (woken == Woken::kSoon && schedule.IsQuiet(std::chrono::system_clock::now())) continue;
    if (!shared.turns.Take(stop)) return;
    WarnIfAny(shared, source.context_id, following.Mark());
    const Schedule::Time begun = std::chrono::system_clock::now();
    const auto clock = std::chrono::steady_clock::now();
    RunRequest request;
    request.stop = &stopping;
    request.kept = &kept;
    request.key_look_interval_ms = kKeyLookIntervalMs;
    if (metrics != nullptr) {
      request.counters = &metrics->wire(number);
      metrics->Begun(number, NowMs());
    }
    SourceRun run{&source, RunSource(config, source, connection, request), 0};
    shared.turns.GiveBack();
    run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - clock).count();
    if (metrics != nullptr) metrics->Ended(number, run.report, run.seconds, NowMs());
    ReturnBlockMemory();
    WarnIfAny(shared, source.context_id, following.Ended(run.report));
    next = NextRun(schedule, run, begun, woken, next);
    const auto untold = told.Tell(run.report, std::chrono::steady_clock::now());
    if (untold) Print(shared, run, next, *untold);
  }
}

std::vector<std::string> TenantsOf(const AgentConfig& config) {
  std::vector<std::string> tenants;
  for (const SourceConfig& source : config.sources) tenants.push_back(source.context_id);
  return tenants;
}

/// Null: not configured, or not possible; then the agent works without it.
std::unique_ptr<MetricsListener> ServeMetrics(const MetricsConfig& config, const AgentMetrics& metrics,
                                              std::ostream& out, std::ostream& err) {
  if (!config.enabled) return nullptr;
  absl::StatusOr<std::unique_ptr<MetricsListener>> listener =
      MetricsListener::Open(config, [&metrics] { return metrics.Text(NowMs()); });
  if (!listener.ok()) {
    err << "mirror-agent: " << listener.status().message() << '\n';
    return nullptr;
  }
  if (config.allow_remote) {
    err << "mirror-agent: the metrics are served on " << (*listener)->address()
        << " without TLS and without a password\n";
  }
  out << "mirror-agent metrics: http://" << (*listener)->address() << "/metrics\n" << std::flush;
  return *std::move(listener);
}

}  // namespace

void RunSources(const AgentConfig& config, const Connection& connection, const std::stop_token& stop,
                std::ostream& out, std::ostream& err, AgentMetrics* metrics) {
  std::optional<JsonLines> lines, failures;
  if (WantsJson(config)) {
    lines.emplace(out, config, spdlog::level::info, "agent");
    failures.emplace(err, config, spdlog::level::err, "failure");
  }
  Turns turns(config.agent.runs_at_once);
  FileWatcher files;
  Shared shared{{},    out,  failures ? failures->stream() : err, lines ? &*lines : nullptr, config,
                turns, files};
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < config.sources.size(); ++i) {
    threads.emplace_back([&, i] { RunOne(config, i, connection, stop, shared, metrics); });
  }
}

int Run(const FoundConfig& found, std::ostream& plain_out, std::ostream& plain_err) {
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(found.path);
  std::optional<JsonLines> lines, failures;
  if (config.ok() && WantsJson(*config)) {
    lines.emplace(plain_out, *config, spdlog::level::info, "agent");
    failures.emplace(plain_err, *config, spdlog::level::err, "failure");
  }
  std::ostream& out = lines ? lines->stream() : plain_out;
  std::ostream& err = failures ? failures->stream() : plain_err;
  SayConfig(found, "mirror-agent", out);
  if (config.ok() && config->sources.empty()) {
    err << "mirror-agent: " << config->file
        << ": there is no [[source]]: add one with 'context_id' and 'path', 'folder' or 'dsn'\n";
    return kExitWrongUse;
  }
  const absl::StatusOr<Connection> connection = config.ok() ? Connect(*config) : config.status();
  if (!connection.ok()) {
    err << "mirror-agent: " << connection.status().message() << '\n';
    return kExitWrongUse;
  }
  if (absl::Status own = CheckOwnFolder(config->agent.state_dir, config->file); !own.ok()) {
    err << "mirror-agent: " << own.message() << '\n';
    return kExitWrongUse;
  }
  // A second `run` would run each source twice as often, and both would wait for each other.
  const absl::StatusOr<LockFile> alone = LockFile::AcquireFolder(config->agent.state_dir);
  if (!alone.ok()) {
    err << "mirror-agent: " << alone.status().message() << '\n';
    return kExitFailed;
  }
  // Blocked here, and so in every thread made later; this thread receives the signals.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  out << "mirror-agent: " << Counted(config->sources.size(), "source") << ", to " << config->endpoint.address
      << '\n'
      << std::flush;
  AgentMetrics metrics(TenantsOf(*config), AgentKeys(*config));
  const std::unique_ptr<MetricsListener> listener = ServeMetrics(config->metrics, metrics, out, err);
  std::stop_source stop;
  std::jthread work(
      [&] { RunSources(*config, *connection, stop.get_token(), plain_out, plain_err, &metrics); });
  int signal = 0;
  sigwait(&signals, &signal);
  stop.request_stop();
  std::jthread impatience([signals](const std::stop_token& done) {
    while (!done.stop_requested()) {
      const timespec patience{0, 100'000'000};
      if (sigtimedwait(&signals, nullptr, &patience) > 0) _exit(kExitFailed);
    }
  });
  work.join();
  return kExitDone;
}

}  // namespace mirror
