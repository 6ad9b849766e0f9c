#include "tools/mirror_harness/attack/http_victim.h"

#include <thread>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// Number of requests that fill the storage, and of partners in each. Together these are 20 MB, more than the
/// buffers of a connection can hold.
constexpr int kFillings = 5, kPartners = 1'000;
constexpr std::size_t kNoteBytes = 4'000;
/// Time limit for making, filling and deleting the storage.
constexpr std::chrono::seconds kPreparing(60);

std::string Filling(int from) {
  std::string body = R"({"featuresOn":["UPSERT_BY_EXTERNAL_ID"],"businessPartners":[)";
  for (int i = from; i < from + kPartners; ++i) {
    absl::StrAppend(&body, i == from ? "" : ",", R"({"externalId":"p)", i, R"(","record":"{\"NOTE\":\")",
                    std::string(kNoteBytes, 'x'), R"(\"}"})");
  }
  return body + "]}";
}

}  // namespace

HttpVictim::~HttpVictim() {
  if (made_)
    Ask("DELETE", absl::StrCat("/storages/", storage_, "?confirm=", storage_), "", 200).IgnoreError();
}

absl::Status HttpVictim::Ask(std::string_view method, std::string_view path, std::string_view body,
                             int expected) const {
  const HttpSaid said =
      AskOnce(door_, HttpLine::Request(door_, method, path, door_.key, {}, body), kPreparing);
  if (said.status == expected) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the door at ", door_.address, " answers ", std::string(method),
                                             " ", std::string(path), " with ", said.name(true), " ",
                                             said.body));
}

absl::Status HttpVictim::Prepare() {
  const std::string storage =
      absl::StrCat(R"({"name":")", storage_, R"(","id":")", storage_, R"(","featuresOn":["DATA_MIRROR"]})");
  RETURN_IF_ERROR(Ask("POST", "/v2/storages", storage, 201));
  made_ = true;
  for (int i = 0; i < kFillings; ++i) {
    RETURN_IF_ERROR(Ask("PUT", PartnersPath(), Filling(i * kPartners), 200));
  }
  return absl::OkStatus();
}

std::string HttpVictim::PartnersPath() const {
  return absl::StrCat("/v4/storages/", storage_, "/businesspartners");
}

std::string HttpVictim::Partner(std::string_view external_id, std::string_view city) {
  return absl::StrCat(R"({"featuresOn":["UPSERT_BY_EXTERNAL_ID"],"businessPartners":[{"externalId":")",
                      std::string(external_id), R"(","record":"{\"CITY\":\")", std::string(city),
                      R"(\"}"}]})");
}

std::string HttpVictim::Upsert(const HttpLine::Fields& more, std::string_view body) const {
  return HttpLine::Request(door_, "PUT", PartnersPath(), door_.attackers_key, more, body);
}

std::string HttpVictim::Read(std::string_view path, const HttpLine::Fields& more) const {
  return HttpLine::Request(door_, "GET", path, door_.attackers_key, more);
}

std::string HttpVictim::Fault() const {
  const HttpSaid healthy = AskOnce(door_, HttpLine::Request(door_, "GET", "/healthz", ""), kHttpPatience);
  if (healthy.status != 200) return "a proper request was not answered: " + healthy.name(true);
  const std::string one = absl::StrCat("/v2/storages/", storage_);
  const HttpSaid read = AskOnce(door_, HttpLine::Request(door_, "GET", one, door_.key), kHttpPatience);
  if (read.status != 200) return "a proper request with a key was not answered: " + read.name(true);
  return {};
}

std::string HttpVictim::AttackersFault() const {
  const Clock::time_point deadline = Clock::now() + kHttpPatience;
  HttpSaid said;
  do {
    said = AskOnce(door_, Read(absl::StrCat("/v2/storages/", storage_)), kHttpPatience);
    if (said.status == 200) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  } while (Clock::now() < deadline);
  return "the attacker's key is no longer accepted: " + said.name(true);
}

Outcome HttpVictim::Check(Outcome outcome) const {
  if (outcome.fault.empty()) outcome.fault = Fault();
  return outcome;
}

Outcome HttpVictim::ServedBeside(std::string words) const {
  const std::string fault = Fault();
  return {{fault.empty() ? "OK" : kOpen}, std::move(words), fault};
}

Outcome HttpVictim::CheckAttackersKey(Outcome outcome) const {
  if (outcome.fault.empty()) outcome.fault = AttackersFault();
  return outcome;
}

Outcome OutcomeOf(const HttpSaid& said, bool is_open) { return {{said.name(is_open)}, said.body, ""}; }

Outcome OneAnswer(const HttpVictim& victim, const std::string& bytes, bool closes) {
  absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
  if (!line.ok()) return OutcomeOf(line.status());
  line->Send(bytes);
  const HttpSaid said = line->Answer(kHttpPatience);
  Outcome outcome = OutcomeOf(said, !line->gone());
  const bool closed =
      line->Closed(closes ? std::chrono::milliseconds(kHttpPatience) : std::chrono::milliseconds(100));
  if (!line->rest().empty()) {
    outcome.fault = "more than one answer: " + line->rest().substr(0, 80);
  } else if (closes && !closed) {
    outcome.fault = "the connection stays open";
  }
  return victim.Check(outcome);
}

}  // namespace mirror::harness
