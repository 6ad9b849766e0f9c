#include "client/run.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <iomanip>
#include <mutex>
#include <optional>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "client/block_memory.h"
#include "client/expiry.h"
#include "client/json_lines.h"
#include "client/report.h"
#include "client/schedule.h"
#include "client/source_run.h"

namespace mirror {
namespace {

constexpr int kStopped = 0, kFailed = 1, kWrongUse = 2;

/// What the threads share.
struct Shared {
  std::mutex printing;
  std::ostream& out;
  std::ostream& err;
  JsonLines* lines = nullptr;  ///< For machines, in place of `out`.
  const AgentConfig& config;
  DailyWarnings warnings = {};
};

std::string LocalTime(Schedule::Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm local = {};
  localtime_r(&seconds, &local);
  std::ostringstream text;
  text << std::put_time(&local, "%F %T");
  return text.str();
}

/// Whole runs at once, never mixed.
void Print(Shared& shared, const SourceRun& run, Schedule::Time next) {
  std::ostringstream out, err;
  PrintRunBriefly(run, out, err);
  const std::lock_guard lock(shared.printing);
  if (shared.lines != nullptr) {
    shared.lines->Write("cycle", run.config->context_id, RunInWords(run));
    shared.err << err.str() << std::flush;
    return;
  }
  shared.out << LocalTime(std::chrono::system_clock::now()) << "  " << out.str() << "  next run "
             << LocalTime(next) << '\n'
             << std::flush;
  shared.err << err.str();
  for (const std::string& warning : shared.warnings.Due(shared.config, std::time(nullptr))) {
    shared.err << "mirror-agent: warning: " << warning << '\n';
  }
  shared.err << std::flush;
}

/// False: told to stop.
bool WaitUntil(Schedule::Time time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any woken;
  std::unique_lock lock(mutex);
  woken.wait_until(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

void RunOne(const AgentConfig& config, const SourceConfig& source, const Connection& connection,
            const std::stop_token& stop, Shared& shared) {
  std::mt19937_64 generator(std::random_device{}());
  Schedule schedule(std::chrono::milliseconds(source.interval_ms), source.quiet,
                    [&] { return std::uniform_real_distribution<double>(0, 1)(generator); });
  std::atomic<bool> stopping = false;
  const std::stop_callback tell(stop, [&] { stopping = true; });
  Schedule::Time next = schedule.First(std::chrono::system_clock::now());
  while (WaitUntil(next, stop)) {
    const Schedule::Time begun = std::chrono::system_clock::now();
    const auto clock = std::chrono::steady_clock::now();
    SourceRun run{&source, RunSource(config, source, connection, {.stop = &stopping}), 0};
    run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - clock).count();
    ReturnBlockMemory();
    next = schedule.Next(begun, std::chrono::system_clock::now(), run.report.Good());
    Print(shared, run, next);
  }
}

}  // namespace

void RunSources(const AgentConfig& config, const Connection& connection, const std::stop_token& stop,
                std::ostream& out, std::ostream& err) {
  std::optional<JsonLines> lines, failures;
  if (WantsJson(config)) {
    lines.emplace(out, config, spdlog::level::info, "agent");
    failures.emplace(err, config, spdlog::level::err, "failure");
  }
  Shared shared{{}, out, failures ? failures->stream() : err, lines ? &*lines : nullptr, config};
  std::vector<std::jthread> threads;
  for (const SourceConfig& source : config.sources) {
    threads.emplace_back([&] { RunOne(config, source, connection, stop, shared); });
  }
}

int Run(const std::string& file, std::ostream& plain_out, std::ostream& plain_err) {
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(file);
  std::optional<JsonLines> lines, failures;
  if (config.ok() && WantsJson(*config)) {
    lines.emplace(plain_out, *config, spdlog::level::info, "agent");
    failures.emplace(plain_err, *config, spdlog::level::err, "failure");
  }
  std::ostream& out = lines ? lines->stream() : plain_out;
  std::ostream& err = failures ? failures->stream() : plain_err;
  if (config.ok() && config->sources.empty()) {
    err << "mirror-agent: " << config->file
        << ": there is no [[source]]: add one with 'context_id' and 'path'\n";
    return kWrongUse;
  }
  const absl::StatusOr<Connection> connection = config.ok() ? Connect(*config) : config.status();
  if (!connection.ok()) {
    err << "mirror-agent: " << connection.status().message() << '\n';
    return kWrongUse;
  }
  // Blocked here, and so in every thread that is made from now on; this one takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  out << "mirror-agent: " << config->sources.size() << (config->sources.size() == 1 ? " source" : " sources")
      << ", to " << config->endpoint.address << '\n'
      << std::flush;
  std::stop_source stop;
  std::jthread work([&] { RunSources(*config, *connection, stop.get_token(), plain_out, plain_err); });
  int signal = 0;
  sigwait(&signals, &signal);
  stop.request_stop();
  std::jthread impatience([signals](const std::stop_token& done) {
    while (!done.stop_requested()) {
      const timespec patience{0, 100'000'000};
      if (sigtimedwait(&signals, nullptr, &patience) > 0) _exit(kFailed);
    }
  });
  work.join();
  return kStopped;
}

}  // namespace mirror
