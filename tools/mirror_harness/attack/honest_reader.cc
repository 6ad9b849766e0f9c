#include "tools/mirror_harness/attack/honest_reader.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// After a failure, so that a server that is gone is not called without a pause.
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
  // A connection that was let go for a newer one, and a server that is busy: both are told of in its
  // document.
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

}  // namespace mirror::harness
