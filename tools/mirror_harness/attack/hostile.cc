#include "tools/mirror_harness/attack/hostile.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "tools/mirror_harness/attack/raw_socket.h"
#include "tools/mirror_harness/attack/target.h"
#include "tools/mirror_harness/synthetic/meter.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// Number of batches of one cycle. Each cycle uses a nonce, and a tenant may use only 10,000 nonces in two
/// minutes.
constexpr std::uint64_t kBatches = 100;
constexpr int kRows = 10;
/// Wait after a failure, so that an unreachable server is not called without a pause.
constexpr std::chrono::milliseconds kPause(100);
/// Time after which a call that gets no capacity counts as a failure. On a busy machine, a server with
/// sanitizers needs ten seconds for the worst attack alone.
constexpr std::chrono::seconds kPatience(30);

TableSchema HonestTable() {
  TableSchema table;
  table.name = "orders";
  Column id{"id", Type::kInt64}, text{"text", Type::kText};
  id.key_position = 1;
  text.nullable = true;
  table.columns = {id, text};
  return table;
}

}  // namespace

void ServedTally::Add(std::uint64_t repeated, std::optional<double> ms, const std::string& failure) {
  const MutexLock lock(mutex_);
  ++served_.calls;
  served_.repeated += repeated;
  if (ms) ms_.push_back(*ms);
  if (failure.empty()) return;
  if (served_.failures++ == 0) served_.first_failure = failure;
  if (failure_.empty()) failure_ = failure;
}

void ServedTally::AddCycle() {
  const MutexLock lock(mutex_);
  ++served_.cycles;
}

Served ServedTally::Take() {
  Served served;
  std::vector<double> ms;
  {
    const MutexLock lock(mutex_);
    served = std::exchange(served_, {});
    ms.swap(ms_);
    lately_ = 0;
  }
  served.p50_ms = Percentile(ms, 0.5);
  served.p99_ms = Percentile(ms, 0.99);
  served.worst_ms = Percentile(std::move(ms), 1);
  return served;
}

std::string ServedTally::TakeFailure() {
  const MutexLock lock(mutex_);
  return std::exchange(failure_, {});
}

double ServedTally::TakeP99() {
  std::vector<double> lately;
  {
    const MutexLock lock(mutex_);
    lately.assign(ms_.begin() + static_cast<std::ptrdiff_t>(lately_), ms_.end());
    lately_ = ms_.size();
  }
  return lately.size() < kCallsForP99 ? 0 : Percentile(std::move(lately), 0.99);
}

HonestSource::HonestSource(std::unique_ptr<MirrorClient> client)
    : source_(std::move(client), "honest"), table_(HonestTable()) {
  running_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

HonestSource::~HonestSource() = default;

void HonestSource::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!RunCycle(stop).ok()) SleepFor(kPause, stop);
  }
}

absl::Status HonestSource::RunCycle(const std::stop_token& stop) {
  absl::Status done = Patiently(false, [&] {
    const absl::StatusOr<v1::AuthenticateResponse> admission = source_.Authenticate("honest", true);
    if (admission.ok() && !admission->accepted())
      return absl::AbortedError("no cycle began: " + admission->reason());
    return admission.status();
  });
  if (!done.ok()) return done;
  absl::StatusOr<v1::TableSchemaResponse> agreed;
  done = Patiently(false, [&] {
    agreed = source_.Announce({table_});
    return agreed.status();
  });
  if (!done.ok()) return done;
  done = SendRows(agreed->tables(0), stop);
  if (!done.ok()) return done;
  done = Patiently(false, [&] { return source_.Complete().status(); });
  if (done.ok()) tally_.AddCycle();
  return done;
}

absl::Status HonestSource::SendRows(const v1::TableStatus& status, const std::stop_token& stop) {
  v1::Position target;
  target.set_lsn(std::max<std::int64_t>(status.position().lsn(), 0) + 1);
  bool last = false;
  for (std::uint64_t seq = 1; !last; ++seq) {
    last = seq == kBatches || stop.stop_requested();
    v1::ChangeBatch batch = BatchAt(table_.name, status, seq, target, v1::OPERATION_INSERT);
    if (seq == 1 && batch.base_lsn() == -1) batch.set_populate(v1::POPULATE_REASON_MINUS_ONE);
    const auto fill = [&](RowBlock* block) {
      for (int i = 0; i < kRows; ++i) {
        block->columns[0].AppendInt(static_cast<std::int64_t>(seq) * kRows + i);
        block->columns[1].AppendBytes(absl::StrCat("order ", seq, " at ", target.lsn()));
      }
    };
    FillBatch(table_, {}, fill, &batch);
    if (last) AddCommit(&batch);
    const v1::RowDataRequest request = source_.Request({batch});
    RETURN_IF_ERROR(Patiently(true, [&] {
      const absl::StatusOr<v1::RowDataResponse> answer = source_.client().RowData(request);
      return answer.ok() ? StatusOf(answer->results(0)) : answer.status();
    }));
  }
  return absl::OkStatus();
}

absl::Status HonestSource::Patiently(bool rows, const std::function<absl::Status()>& call) {
  const Clock::time_point begin = Clock::now();
  std::uint64_t repeated = 0;
  absl::Status status = call();
  // Every call here can be repeated, and a source repeats a call if the endpoint asks it to wait.
  while (absl::IsResourceExhausted(status) && Clock::now() - begin < kPatience) {
    ++repeated;
    status = call();
  }
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  tally_.Add(repeated, rows ? std::optional(ms) : std::nullopt, status.ok() ? "" : status.ToString());
  return status;
}

namespace {

using Clock = std::chrono::steady_clock;

/// Wait after a failure, so that an unreachable server is not called without a pause.
constexpr std::chrono::milliseconds kReaderPause(100);
constexpr int kIds = 50;

}  // namespace

HonestReader::HonestReader(const HttpVictim& victim) : victim_(victim) {
  running_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

void HonestReader::Run(const std::stop_token& stop) {
  const HttpDoorPlace& door = victim_.door();
  for (int i = 0; !stop.stop_requested(); ++i) {
    const std::string id = absl::StrCat("honest", i % kIds);
    Call(HttpLine::Request(door, "PUT", victim_.PartnersPath(), door.key, {},
                           HttpVictim::Partner(id, absl::StrCat("city ", i))));
    Call(HttpLine::Request(door, "GET", absl::StrCat(victim_.PartnersPath(), "?externalId=", id), door.key));
    tally_.AddCycle();
  }
}

HttpSaid HonestReader::Once(const std::string& request) {
  if (!line_ || line_->gone()) {
    line_.reset();
    absl::StatusOr<HttpLine> made = HttpLine::Connect(victim_.door());
    if (!made.ok()) return {};
    line_.emplace(*std::move(made));
  }
  HttpSaid said = line_->Send(request) ? line_->Answer(kHttpPatience) : HttpSaid();
  if (said.status == 0 || absl::StrContains(said.head, "Connection: close")) line_.reset();
  return said;
}

void HonestReader::Call(const std::string& request) {
  const Clock::time_point begin = Clock::now();
  std::uint64_t repeated = 0;
  HttpSaid said = Once(request);
  // The door may close a connection for a newer one or answer that it is busy; its documentation describes
  // both.
  while ((said.status == 0 || said.status == 429 || said.status == 503) &&
         Clock::now() - begin < kHttpPatience) {
    ++repeated;
    if (said.status != 0) std::this_thread::sleep_for(kReaderPause);
    said = Once(request);
  }
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  const bool late = Clock::now() - begin >= kHttpPatience;
  const std::string failure =
      said.status == 200 && !late
          ? ""
          : absl::StrCat(said.name(true), " after ", static_cast<int>(ms), " ms ", said.body);
  tally_.Add(repeated, ms, failure);
}

namespace {

constexpr std::chrono::milliseconds kBetweenLooks(50);

std::string Folder(pid_t process) { return absl::StrCat("/proc/", process); }

/// Returns VmHWM in bytes; the kernel gives it in kilobytes.
std::optional<std::uint64_t> PeakMemory(pid_t process) {
  std::ifstream status(Folder(process) + "/status");
  std::string word;
  while (status >> word) {
    std::uint64_t kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1'024;
  }
  return std::nullopt;
}

}  // namespace

PeakWatch::PeakWatch(pid_t process) : process_(process) {
  Reset();
  looking_ = std::jthread([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      Look();
      SleepFor(kBetweenLooks, stop);
    }
  });
}

PeakWatch::~PeakWatch() = default;

void PeakWatch::Reset() const { std::ofstream(Folder(process_) + "/clear_refs") << "5"; }

void PeakWatch::Look() {
  std::uint64_t count = 0;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(Folder(process_) + "/fd", error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    ++count;
  }
  const MutexLock lock(mutex_);
  descriptors_ = std::max(descriptors_, count);
}

std::optional<PeakWatch::Peak> PeakWatch::Take() {
  Look();
  const std::optional<std::uint64_t> memory = PeakMemory(process_);
  if (!memory) return std::nullopt;
  Reset();
  const MutexLock lock(mutex_);
  return Peak{*memory, std::exchange(descriptors_, 0)};
}

namespace {

using Clock = std::chrono::steady_clock;

/// Themes whose attacks need another address than the endpoint's.
constexpr char kMetricsTheme[] = "metrics", kHttpTheme[] = "http";

/// Shortest time without attacks. It is long enough for the p99 of a thousand calls on a slow disk.
constexpr double kQuietSecondsMin = 2;

std::string FullName(const Theme& theme, const Attack& attack) {
  return absl::StrCat(theme.name, "/", attack.name);
}

bool Wanted(const std::vector<std::string>& only, const Theme& theme, const Attack& attack) {
  if (only.empty()) return true;
  return std::any_of(only.begin(), only.end(), [&](const std::string& name) {
    return name == theme.name || name == attack.name || name == FullName(theme, attack);
  });
}

/// Waits while the honest source runs alone: the measurement without attacks.
void WaitQuietly(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// Returns the part of a message that reveals the endpoint's files or database errors; empty: there is none.
std::string InsideIn(const std::string& words) {
  constexpr std::string_view kInside[] = {
      "Mirror_", ".db", "/tmp/", "/home/", "/var/", "/etc/", "SQL logic error", "disk image", "disk I/O"};
  for (const std::string_view inside : kInside) {
    if (words.find(inside) != std::string::npos) return std::string(inside);
  }
  return {};
}

/// The HTTP door, with an honest client.
struct HttpSide {
  std::unique_ptr<HttpVictim> victim;
  std::unique_ptr<HonestReader> honest;
};

/// Returns this run's storage: "Hostile-1a2b3c".
std::string NewStorage() { return absl::StrCat("Hostile-", absl::Hex(std::random_device{}())); }

absl::StatusOr<HttpSide> OpenHttp(const Options& options, Target* target) {
  HttpSide side;
  if (options.http.empty()) return side;
  ASSIGN_OR_RETURN(HttpDoorPlace door, HttpDoorAt(options.http));
  door.key = options.api_key;
  door.attackers_key = options.attackers_key.empty() ? options.api_key : options.attackers_key;
  side.victim = std::make_unique<HttpVictim>(std::move(door), NewStorage());
  RETURN_IF_ERROR(side.victim->Prepare());
  target->set_http(side.victim.get());
  side.honest = std::make_unique<HonestReader>(*side.victim);
  return side;
}

AttackResult RunOne(const Theme& theme, const Attack& attack, Target* target, HonestSource* honest,
                    HonestReader* reader, PeakWatch* watch) {
  AttackResult result{FullName(theme, attack), attack.what, absl::StrSplit(attack.expected, '|'), {}, 0, {}};
  const Clock::time_point begin = Clock::now();
  honest->tally().TakeP99();
  result.outcome = attack.run(*target);
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (watch != nullptr) result.server = watch->Take();
  result.honest_p99_ms = honest->tally().TakeP99();
  if (const std::string inside = InsideIn(result.outcome.words);
      !inside.empty() && result.outcome.fault.empty()) {
    result.outcome.fault =
        absl::StrCat("the endpoint's answer shows its internals ('", inside, "'): ", result.outcome.words);
  }
  const std::string failure = honest->tally().TakeFailure();
  if (!failure.empty() && result.outcome.fault.empty()) {
    result.outcome.fault = "the honest tenant was not served: " + failure;
  }
  const std::string http_failure = reader == nullptr ? "" : reader->tally().TakeFailure();
  if (!http_failure.empty() && result.outcome.fault.empty()) {
    result.outcome.fault = "the honest HTTP client was not served: " + http_failure;
  }
  return result;
}

PeakWatch::Peak Higher(const std::optional<PeakWatch::Peak>& a, const PeakWatch::Peak& b) {
  if (!a) return b;
  return {std::max(a->memory_bytes, b.memory_bytes), std::max(a->descriptors, b.descriptors)};
}

}  // namespace

bool AttackResult::ok() const {
  return outcome.fault.empty() && !outcome.got.empty() &&
         std::includes(expected.begin(), expected.end(), outcome.got.begin(), outcome.got.end());
}

std::size_t HostileReport::refused_rightly() const {
  return static_cast<std::size_t>(
      std::count_if(attacks.begin(), attacks.end(), [](const AttackResult& result) { return result.ok(); }));
}

bool HostileReport::memory_stayed() const {
  return !server_attacked || server_attacked->memory_bytes <= kHostileMemoryMax;
}

bool HostileReport::good() const {
  return refused_rightly() == attacks.size() && memory_stayed() && honest_failures() == 0;
}

std::uint64_t HostileReport::honest_failures() const {
  std::uint64_t failures = quiet.failures + attacked.failures;
  if (http_quiet) failures += http_quiet->failures;
  if (http_attacked) failures += http_attacked->failures;
  return failures;
}

std::string UnknownAttack(const std::vector<std::string>& only) {
  const std::vector<Theme> themes = AllAttacks();
  for (const std::string& name : only) {
    const bool known = std::any_of(themes.begin(), themes.end(), [&](const Theme& theme) {
      return std::any_of(theme.attacks.begin(), theme.attacks.end(),
                         [&](const Attack& attack) { return Wanted({name}, theme, attack); });
    });
    if (!known) return name;
  }
  return {};
}

std::string AttackWithAKeyOfItsOwn(const std::vector<std::string>& only) {
  constexpr const char* kTakeAll[] = {"http/unread-pages", "http/beyond-key"};
  for (const Theme& theme : AllAttacks()) {
    for (const Attack& attack : theme.attacks) {
      const std::string name = FullName(theme, attack);
      const bool takes_all = std::find(std::begin(kTakeAll), std::end(kTakeAll), name) != std::end(kTakeAll);
      if (takes_all && Wanted(only, theme, attack)) return name;
    }
  }
  return {};
}

std::string ListAttacks() {
  std::string text;
  for (const Theme& theme : AllAttacks()) {
    for (const Attack& attack : theme.attacks) {
      absl::StrAppend(&text, FullName(theme, attack), "\t", attack.expected, "\t", attack.what, "\n");
    }
  }
  return text;
}

absl::StatusOr<HostileReport> RunHostile(const Options& options, const AgentConfig& config,
                                         const std::string& context_id) {
  signal(SIGPIPE, SIG_IGN);  // Writing to a closed connection must return an error, not end the process.
  RaiseDescriptorLimit();
  std::unique_ptr<PeakWatch> watch;
  if (options.server_pid != 0) watch = std::make_unique<PeakWatch>(options.server_pid);
  ASSIGN_OR_RETURN(std::unique_ptr<Target> target, Target::Make(config, context_id, options.seconds));
  target->set_metrics(options.metrics);

  HostileReport report;
  ASSIGN_OR_RETURN(const HttpSide http, OpenHttp(options, target.get()));
  HonestSource honest(target->NewClient(target->Tenant("honest")));
  WaitQuietly(std::max(kQuietSecondsMin, options.seconds));
  report.quiet = honest.tally().Take();
  if (http.honest) report.http_quiet = http.honest->tally().Take();
  if (watch) report.server_quiet = watch->Take();
  for (const Theme& theme : AllAttacks()) {
    for (const Attack& attack : theme.attacks) {
      if (!Wanted(options.only, theme, attack)) continue;
      if ((options.metrics.empty() && theme.name == kMetricsTheme) ||
          (options.http.empty() && theme.name == kHttpTheme)) {
        ++report.left_out;
        continue;
      }
      report.attacks.push_back(RunOne(theme, attack, target.get(), &honest, http.honest.get(), watch.get()));
      const AttackResult& result = report.attacks.back();
      if (result.server) report.server_attacked = Higher(report.server_attacked, *result.server);
      if (!options.json) std::cout << AttackLine(result) << std::flush;
    }
  }
  if (report.left_out > 0)
    std::cerr << report.left_out << " attacks are left out: --metrics or --http was not given\n";
  report.attacked = honest.tally().Take();
  if (http.honest) report.http_attacked = http.honest->tally().Take();
  return report;
}

}  // namespace mirror::harness
