#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tools/mirror_harness/attack/hostile.h"

namespace mirror::harness {
namespace {

constexpr std::size_t kWorstListed = 10;

using Json = nlohmann::ordered_json;

constexpr std::size_t kWordsMax = 300;

std::string Fixed(double number, int digits) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.*f", digits, number);
  return text;
}

double Mb(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

std::string Peak(const std::optional<PeakWatch::Peak>& peak) {
  if (!peak) return "not measured (give --server-pid PID)";
  return absl::StrCat(Fixed(Mb(peak->memory_bytes), 0), " MB, ", peak->descriptors, " descriptors");
}

std::string ServedText(const Served& served) {
  return absl::StrCat("p50 ", Fixed(served.p50_ms, 2), " ms, p99 ", Fixed(served.p99_ms, 2), " ms, longest ",
                      Fixed(served.worst_ms, 0), " ms, ", served.calls, " calls, ", served.repeated,
                      " repeated, ", served.failures, " failed");
}

Json ServedJson(const Served& served) {
  return {{"calls", served.calls},         {"cycles", served.cycles},
          {"repeated", served.repeated},   {"failures", served.failures},
          {"p50_ms", served.p50_ms},       {"p99_ms", served.p99_ms},
          {"longest_ms", served.worst_ms}, {"first_failure", served.first_failure}};
}

Json PeakJson(const std::optional<PeakWatch::Peak>& peak) {
  if (!peak) return nullptr;
  return {{"memory_mb", Mb(peak->memory_bytes)}, {"descriptors", peak->descriptors}};
}

/// Lists the attacks during which the honest source was slowest, because a percentile over all attacks does
/// not show them.
std::string WorstText(const HostileReport& report) {
  std::vector<const AttackResult*> over;
  for (const AttackResult& result : report.attacks) {
    if (result.honest_p99_ms > kP99RatioGoal * report.quiet.p99_ms) over.push_back(&result);
  }
  std::sort(over.begin(), over.end(),
            [](const AttackResult* a, const AttackResult* b) { return a->honest_p99_ms > b->honest_p99_ms; });
  if (over.size() > kWorstListed) over.resize(kWorstListed);
  std::string text;
  for (const AttackResult* const result : over) {
    absl::StrAppend(&text, "  p99 under ", result->name, " alone: ", Fixed(result->honest_p99_ms, 2), " ms, ",
                    Fixed(result->honest_p99_ms / report.quiet.p99_ms, 1), " times\n");
  }
  return text;
}

/// Describes how the honest client of the HTTP door was served; empty: the door's address is not known.
std::string HttpText(const HostileReport& report) {
  if (!report.http_quiet || !report.http_attacked) return {};
  std::string text = absl::StrCat("honest HTTP, quiet         ", ServedText(*report.http_quiet),
                                  "\nhonest HTTP, under attack  ", ServedText(*report.http_attacked), "\n");
  for (const auto& served : {report.http_quiet, report.http_attacked}) {
    if (served->failures > 0) {
      absl::StrAppend(&text,
                      "the honest HTTP client's first failure: ", served->first_failure.substr(0, kWordsMax),
                      "\n");
    }
  }
  return text;
}

/// Makes one line without control characters: the endpoint's message may contain a name from the attacker.
std::string OneLine(std::string words) {
  if (words.size() > kWordsMax) words.resize(kWordsMax);
  for (char& c : words) {
    if (c < ' ' || c > '~') c = '?';
  }
  return words;
}

}  // namespace

std::string AttackLine(const AttackResult& result) {
  std::string line = absl::StrCat(
      result.ok() ? "ok    " : "WRONG ", result.name, ": expected ", absl::StrJoin(result.expected, " or "),
      ", got ", result.outcome.got.empty() ? "nothing" : absl::StrJoin(result.outcome.got, ", "));
  if (result.server) absl::StrAppend(&line, "; server ", Peak(result.server));
  if (!result.outcome.fault.empty()) absl::StrAppend(&line, "; ", OneLine(result.outcome.fault));
  if (!result.ok())
    absl::StrAppend(&line, "\n      ", result.what, " It said: ", OneLine(result.outcome.words));
  return line + "\n";
}

std::string HostileText(const HostileReport& report) {
  std::string text =
      absl::StrCat("\n", report.refused_rightly(), " of ", report.attacks.size(),
                   " attacks ended as they should\nserver, quiet         ", Peak(report.server_quiet),
                   "\nserver, under attack  ", Peak(report.server_attacked));
  if (report.server_attacked) {
    absl::StrAppend(&text, " (", Fixed(Mb(kHostileMemoryMax), 0), " MB are allowed)");
  }
  absl::StrAppend(&text, "\nhonest, quiet         ", ServedText(report.quiet), "\nhonest, under attack  ",
                  ServedText(report.attacked), "\np99 under attack is ", Fixed(report.p99_ratio(), 2),
                  " times the quiet one (the goal is ", Fixed(kP99RatioGoal, 0), ")\n", WorstText(report));
  text += HttpText(report);
  for (const Served* served : {&report.quiet, &report.attacked}) {
    if (served->failures > 0) {
      absl::StrAppend(&text, "the honest tenant's first failure: ", OneLine(served->first_failure), "\n");
    }
  }
  if (report.refused_rightly() < report.attacks.size()) {
    absl::StrAppend(&text, "NOT GOOD: ", report.attacks.size() - report.refused_rightly(),
                    " attacks did not end as they should: see the lines with WRONG\n");
  }
  if (!report.memory_stayed()) text += "NOT GOOD: the server held more memory than is allowed\n";
  if (report.honest_failures() > 0) {
    text += "NOT GOOD: some calls of an honest client failed\n";
  }
  return text;
}

std::string HostileJson(const HostileReport& report) {
  Json json;
  json["good"] = report.good();
  json["attacks_ok"] = report.refused_rightly();
  json["server_quiet"] = PeakJson(report.server_quiet);
  json["server_attacked"] = PeakJson(report.server_attacked);
  json["memory_allowed_mb"] = Mb(kHostileMemoryMax);
  json["honest_quiet"] = ServedJson(report.quiet);
  json["honest_attacked"] = ServedJson(report.attacked);
  if (report.http_quiet) json["honest_http_quiet"] = ServedJson(*report.http_quiet);
  if (report.http_attacked) json["honest_http_attacked"] = ServedJson(*report.http_attacked);
  json["p99_ratio"] = report.p99_ratio();
  json["p99_ratio_goal"] = kP99RatioGoal;
  json["attacks"] = Json::array();
  for (const AttackResult& result : report.attacks) {
    json["attacks"].push_back({{"name", result.name},
                               {"what", result.what},
                               {"expected", result.expected},
                               {"got", result.outcome.got},
                               {"ok", result.ok()},
                               {"fault", result.outcome.fault},
                               {"words", OneLine(result.outcome.words)},
                               {"seconds", result.seconds},
                               {"honest_p99_ms", result.honest_p99_ms},
                               {"server", PeakJson(result.server)}});
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mirror::harness
