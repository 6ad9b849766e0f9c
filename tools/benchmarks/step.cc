#include "tools/benchmarks/step.h"

#include <algorithm>
#include <charconv>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "tools/mirror_harness/synthetic/change_maker.h"
#include "tools/mirror_harness/synthetic/meter.h"

namespace mirror::bench {
namespace {

const std::map<std::string, Verb> kVerbs = {{"populate", Verb::kPopulate},
                                            {"insert", Verb::kInsert},
                                            {"upsert", Verb::kUpsert},
                                            {"update", Verb::kUpdate},
                                            {"delete", Verb::kDelete},
                                            {"push", Verb::kPush},
                                            {"push-stream", Verb::kPushStream},
                                            {"digest", Verb::kDigest},
                                            {"sync", Verb::kSync},
                                            {"scan", Verb::kScan},
                                            {"as-of", Verb::kAsOf},
                                            {"explain", Verb::kExplain}};
const std::map<std::string, Order> kOrders = {
    {"ascending", Order::kAscending}, {"spread", Order::kSpread}, {"random", Order::kRandom}};

absl::Status Unknown(std::string_view word) {
  return absl::InvalidArgumentError(absl::StrCat("'", std::string(word), "' is not a word of a step"));
}

std::optional<std::int64_t> Number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

absl::Status ReadSetting(const std::string& word, Step* step) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos) return Unknown(word);
  const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
  if (name == "order") {
    const auto order = kOrders.find(value);
    if (order == kOrders.end()) return Unknown(word);
    step->order = order->second;
    return absl::OkStatus();
  }
  const std::optional<std::int64_t> number = Number(value);
  if (!number) return Unknown(word);
  if (name == "from") {
    step->from = *number;
  } else if (name == "count") {
    step->count = static_cast<std::uint64_t>(*number);
  } else if (name == "pick") {
    step->pick = static_cast<std::uint64_t>(*number);
  } else if (name == "sorted") {
    step->sorted = *number != 0;
  } else if (name == "version") {
    step->version = static_cast<std::uint32_t>(*number);
  } else if (name == "group" && *number > 0) {
    step->group = static_cast<std::uint32_t>(*number);
  } else {
    return Unknown(word);
  }
  return absl::OkStatus();
}

std::vector<std::int64_t> RandomKeys(const Step& step, std::uint64_t wanted) {
  harness::Random random(step.version + 1);
  std::vector<bool> taken(step.count);
  std::vector<std::int64_t> keys;
  keys.reserve(wanted);
  while (keys.size() < wanted) {
    const std::uint64_t at = random.Below(step.count);
    if (taken[at]) continue;
    taken[at] = true;
    keys.push_back(step.from + static_cast<std::int64_t>(at));
  }
  return keys;
}

}  // namespace

bool IsPush(Verb verb) { return verb == Verb::kPush || verb == Verb::kPushStream; }

bool ReadsStore(Verb verb) { return verb == Verb::kScan || verb == Verb::kAsOf || verb == Verb::kExplain; }

absl::StatusOr<Step> ReadStep(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string word;
  Step step;
  words >> word;
  const auto verb = kVerbs.find(word);
  if (verb == kVerbs.end()) return Unknown(word);
  step.verb = verb->second;
  while (words >> word) {
    RETURN_IF_ERROR(ReadSetting(word, &step));
  }
  if (step.pick > step.count) return Unknown(absl::StrCat("pick=", step.pick));
  return step;
}

std::vector<std::int64_t> KeysOf(const Step& step) {
  const std::uint64_t wanted = step.pick == 0 ? step.count : step.pick;
  if (step.order == Order::kRandom) return RandomKeys(step, wanted);
  const auto key = [&](std::uint64_t i) {
    return step.from + static_cast<std::int64_t>(i * step.count / wanted);
  };
  const std::uint64_t groups =
      step.order == Order::kSpread ? std::max<std::uint64_t>(1, (wanted + step.group - 1) / step.group) : 1;
  std::vector<std::int64_t> keys;
  keys.reserve(wanted);
  for (std::uint64_t group = 0; group < groups; ++group) {
    for (std::uint64_t i = group; i < wanted; i += groups) keys.push_back(key(i));
  }
  return keys;
}

std::string StepJson(const StepTime& time) {
  std::string json = absl::StrFormat("{\"rows\":%d,\"seconds\":%.9f", time.rows, time.seconds);
  if (!time.call_us.empty()) {
    absl::StrAppendFormat(&json, ",\"p50_us\":%.3f,\"p99_us\":%.3f", harness::Percentile(time.call_us, 0.5),
                          harness::Percentile(time.call_us, 0.99));
  }
  return json + "}";
}

int RunSteps(const char* program, const std::function<absl::StatusOr<StepTime>(const Step&)>& run) {
  std::string line;
  while (std::getline(std::cin, line)) {
    const absl::StatusOr<Step> step = ReadStep(line);
    const absl::StatusOr<StepTime> time = step.ok() ? run(*step) : step.status();
    if (!time.ok()) {
      std::cerr << program << ": " << line << ": " << std::string(time.status().message()) << "\n";
      return 1;
    }
    std::cout << StepJson(*time) << std::endl;
  }
  return 0;
}

}  // namespace mirror::bench
