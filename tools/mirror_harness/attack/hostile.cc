#include "tools/mirror_harness/attack/hostile.h"

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <random>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "tools/mirror_harness/attack/raw_socket.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// Their attacks need an address of their own.
constexpr char kMetricsTheme[] = "metrics", kHttpTheme[] = "http";

/// Long enough for a p99 of a thousand calls on a slow disk.
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

/// The honest source alone for a while: what it is served like when nobody disturbs.
void WaitQuietly(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

/// What names an endpoint's files or what its database said; empty: nothing in these words does.
std::string InsideIn(const std::string& words) {
  constexpr std::string_view kInside[] = {
      "Mirror_", ".db", "/tmp/", "/home/", "/var/", "/etc/", "SQL logic error", "disk image", "disk I/O"};
  for (const std::string_view inside : kInside) {
    if (words.find(inside) != std::string::npos) return std::string(inside);
  }
  return {};
}

/// The door for JSON, and an honest client of it.
struct HttpSide {
  std::unique_ptr<HttpVictim> victim;
  std::unique_ptr<HonestReader> honest;
};

/// "Hostile-1a2b3c": of this run.
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
        absl::StrCat("the endpoint tells of its inside ('", inside, "'): ", result.outcome.words);
  }
  const std::string failure = honest->tally().TakeFailure();
  if (!failure.empty() && result.outcome.fault.empty()) {
    result.outcome.fault = "the honest tenant was not served: " + failure;
  }
  const std::string http_failure = reader == nullptr ? "" : reader->tally().TakeFailure();
  if (!http_failure.empty() && result.outcome.fault.empty()) {
    result.outcome.fault = "the honest client of HTTP was not served: " + http_failure;
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
  signal(SIGPIPE, SIG_IGN);  // Connections that are written to end in every way.
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
