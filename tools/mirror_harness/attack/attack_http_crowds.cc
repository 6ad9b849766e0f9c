// Attacks on the HTTP door by many connections, by slow ones, and by some that never read the answer. Other
// clients must still be answered.
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/attack.h"
#include "tools/mirror_harness/attack/http_victim.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// More than the door's default head_time and body_time.
constexpr std::chrono::seconds kSlowMax(75);
constexpr std::chrono::milliseconds kDrip(200);
constexpr int kPipelined = 500, kIdle = 200, kCrowd = 400, kOpenStreams = 20, kUnread = 60, kBeyondKey = 150;
constexpr int kHammers = 4;

std::string Healthz(const HttpVictim& victim) {
  return HttpLine::Request(victim.door(), "GET", "/healthz", "");
}

/// Opens connections and sends `bytes` on each. `unread`: size of each receive buffer in bytes; 0: the
/// system's default.
std::vector<HttpLine> Crowd(const HttpVictim& victim, int count, const std::string& bytes, int unread = 0) {
  std::vector<HttpLine> crowd;
  for (int i = 0; i < count; ++i) {
    absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
    if (!line.ok()) break;  // The door accepts no more connections.
    if (unread > 0) setsockopt(line->socket().descriptor(), SOL_SOCKET, SO_RCVBUF, &unread, sizeof(unread));
    line->Send(bytes);
    crowd.push_back(*std::move(line));
  }
  return crowd;
}

/// Checks that other clients are served while the crowd is connected.
Outcome BesideCrowd(const HttpVictim& victim, const std::vector<HttpLine>& crowd) {
  return victim.ServedBeside(absl::StrCat(crowd.size(), " connections"));
}

/// Sends a byte from time to time until the other end closes.
Outcome Drip(const HttpVictim& victim, const std::string& begin) {
  absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
  if (!line.ok()) return OutcomeOf(line.status());
  const Clock::time_point start = Clock::now();
  bool open = line->Send(begin);
  while (open && Clock::now() - start < kSlowMax) open = line->Send("x") && !line->Closed(kDrip);
  const std::chrono::duration<double> took = Clock::now() - start;
  Outcome outcome = victim.Check({{open ? kOpen : kClosed}, absl::StrCat("after ", took.count(), " s"), ""});
  if (!line->rest().empty()) outcome.got = {line->Answer({}).name(false)};
  return outcome;
}

Outcome SlowHead(Target& target) {
  std::string head = target.http().Read("/v2/storages");
  head.resize(head.size() - 2);
  return Drip(target.http(), head + "X: ");
}

Outcome SlowBody(Target& target) {
  return Drip(target.http(), target.http().Upsert({{"Content-Length", "100000"}}, ""));
}

/// Announces bodies without a key and never sends them, on more connections than the door has.
Outcome PromisedUploads(Target& target) {
  const HttpVictim& victim = target.http();
  const std::string upload =
      HttpLine::Request(victim.door(), "PUT", "/files/upload/none", "", {{"Content-Length", "1000"}});
  std::vector<HttpLine> crowd = Crowd(victim, kCrowd, upload);
  Outcome outcome = BesideCrowd(victim, crowd);
  // Without a valid upload link, the door answers before the body is sent.
  if (!crowd.empty()) outcome.got = {crowd.back().Answer(kHttpPatience).name(!crowd.back().gone())};
  return outcome;
}

/// Sends half heads without a key, on more connections than the door has.
Outcome SlowHeads(Target& target) {
  const HttpVictim& victim = target.http();
  return BesideCrowd(victim, Crowd(victim, kCrowd, "GET /v2/storages HTTP/1.1\r\nX: "));
}

/// Waits until the endpoint has noticed that the connections of the previous attack are closed, at most
/// kHttpPatience. As long as there are many connections, it closes a connection without a key after its first
/// answer.
void AwaitNoCrowd(const HttpVictim& victim) {
  const Clock::time_point end = Clock::now() + kHttpPatience;
  bool is_kept = false;
  while (!is_kept && Clock::now() < end) {
    absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
    if (!line.ok()) continue;
    line->Send(Healthz(victim) + Healthz(victim));
    is_kept = line->Answer(kHttpPatience).status == 200 && line->Answer(kHttpPatience).status == 200;
  }
}

Outcome Pipelined(Target& target) {
  const HttpVictim& victim = target.http();
  AwaitNoCrowd(victim);
  absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
  if (!line.ok()) return OutcomeOf(line.status());
  std::string packet;
  for (int i = 0; i < kPipelined; ++i) packet += Healthz(victim);
  line->Send(packet);
  Outcome all;
  int answers = 0;
  for (; answers < kPipelined; ++answers) {
    const HttpSaid said = line->Answer(kHttpPatience);
    all.got.insert(said.name(!line->gone()));
    if (said.status == 0) break;
  }
  all.words = absl::StrCat(answers, " answers to ", kPipelined, " requests");
  return victim.Check(all);
}

/// Makes an attack by connections that get one answer each, and then stay open without another request.
Attack::Run Idle(int count) {
  return [count](Target& target) {
    const HttpVictim& victim = target.http();
    std::vector<HttpLine> crowd;
    Outcome all;
    for (int i = 0; i < count; ++i) {
      absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
      if (!line.ok()) break;
      line->Send(Healthz(victim));
      const HttpSaid said = line->Answer(kHttpPatience);
      if (said.status != 200 && all.fault.empty())
        all.fault = absl::StrCat("client ", i, " is not answered: ", said.name(!line->gone()));
      crowd.push_back(*std::move(line));
    }
    AddOutcome(BesideCrowd(victim, crowd), &all);
    return all;
  };
}

/// Sends the requests `bytes` as long as they are accepted, and reads no answer.
Outcome Unread(const Target& target, int count, const std::string& bytes) {
  const std::vector<HttpLine> crowd = Crowd(target.http(), count, bytes, 4'096);
  std::this_thread::sleep_for(target.flood_time());
  return BesideCrowd(target.http(), crowd);
}

std::string Many(const std::string& request, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += request;
  return all;
}

Outcome UnreadStreams(Target& target) {
  const HttpVictim& victim = target.http();
  const std::string stream =
      victim.Read(absl::StrCat("/v4/storages/", victim.storage(), "/records/businesspartner"),
                  {{"Accept", "application/x-ndjson"}});
  return victim.CheckAttackersKey(Unread(target, kOpenStreams, stream));
}

Outcome UnreadJsonPages(Target& target) {
  const HttpVictim& victim = target.http();
  const std::string page = victim.Read(victim.PartnersPath() + "?limit=1000");
  return victim.CheckAttackersKey(Unread(target, kUnread, Many(page, 4)));
}

Attack::Run UnreadDocuments(int count) {
  return [count](Target& target) {
    const std::string page = HttpLine::Request(target.http().door(), "GET", "/openapi.json", "");
    return Unread(target, count, Many(page, 200));
  };
}

/// Sends invalid keys over connections that stay open. Each must get 401.
Outcome WrongKeys(Target& target) {
  const HttpVictim& victim = target.http();
  const std::string right = victim.door().attackers_key;
  const Clock::time_point end = Clock::now() + target.flood_time();
  Outcome all = InParallel(kHammers, [&](int thread) {
    Outcome outcome;
    absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
    int asked = 0;
    while (Clock::now() < end) {
      if (line.ok() && line->gone()) line = HttpLine::Connect(victim.door());
      if (!line.ok()) return OutcomeOf(line.status());
      const std::string keys[] = {
          absl::StrCat("mk_", thread, "_", asked), right.substr(0, right.size() - 1), right + "x",
          absl::StrCat(right, ",", right),         std::string(6'000, 'k'),           "*"};
      line->Send(HttpLine::Request(victim.door(), "GET", "/v2/storages", keys[asked++ % 6]));
      const HttpSaid said = line->Answer(kHttpPatience);
      outcome.got.insert(said.name(!line->gone()));
    }
    outcome.words = absl::StrCat(asked, " keys by each of ", kHammers);
    return outcome;
  });
  return victim.Check(all);
}

/// Sends more slow requests with one key at the same time than are allowed. The requests above the limit must
/// be refused, and requests with other keys served. After the requests have ended, the key must be accepted
/// again.
Outcome BeyondKey(Target& target) {
  const HttpVictim& victim = target.http();
  Outcome all;
  {
    std::vector<HttpLine> crowd =
        Crowd(victim, kBeyondKey, victim.Upsert({{"Content-Length", "1000"}}, "") + "{\"businessPartners\":");
    int refused = 0;
    const Clock::time_point deadline = Clock::now() + kHttpPatience;
    // Refused requests are answered at once; the others get no answer.
    while (refused == 0 && Clock::now() < deadline) {
      for (HttpLine& line : crowd) refused += line.Answer({}).status == 429 ? 1 : 0;
    }
    all.got.insert(refused > 0 ? "429" : kOpen);
    all.words = absl::StrCat(refused, " of ", crowd.size(), " were refused at once");
    all = victim.Check(all);
  }
  return victim.CheckAttackersKey(all);
}

/// Opens and resets connections as fast as possible.
Outcome HttpStorm(Target& target) {
  const HttpVictim& victim = target.http();
  const Clock::time_point end = Clock::now() + target.flood_time();
  const Outcome all = InParallel(kHammers, [&](int /*thread*/) {
    std::size_t begun = 0;
    for (; Clock::now() < end; ++begun) {
      absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
      if (!line.ok()) break;
      line->Send(begun % 2 == 0 ? victim.Read(victim.PartnersPath() + "?limit=1000") : "GET ");
      line->socket().Reset();
    }
    return Outcome{{}, absl::StrCat(begun, " connections by each of ", kHammers), ""};
  });
  return victim.ServedBeside(all.words);
}

/// Sends a request with a key again and again until `end`, each time on a new connection. Returns the times
/// in milliseconds, sorted. `fault` gets the first failure.
std::vector<double> AskAnew(const HttpVictim& victim, Clock::time_point end, std::string* fault) {
  std::vector<double> ms;
  const std::string request =
      HttpLine::Request(victim.door(), "GET", "/v2/storages", victim.door().key, {{"Connection", "close"}});
  do {
    const Clock::time_point begin = Clock::now();
    const HttpSaid said = AskOnce(victim.door(), request, kHttpPatience);
    ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    if (said.status != 200 && fault->empty())
      *fault = absl::StrCat("newcomer ", ms.size(), " with a key is not answered: ", said.name(false));
  } while (Clock::now() < end);
  std::sort(ms.begin(), ms.end());
  return ms;
}

/// Makes an attack by many connections without a valid key, which have a few requests each at the same time,
/// and are opened again when they are closed. New clients with a key must be answered meanwhile.
Attack::Run KeylessFlood(const std::string& path, const std::string& key = "") {
  return [path, key](Target& target) {
    constexpr int kConnections = 75;
    const HttpVictim& victim = target.http();
    Outcome outcome{{"OK"}, "", ""};
    const std::vector<double> quiet = AskAnew(victim, Clock::now() + target.flood_time(), &outcome.fault);
    const std::string requests = Many(HttpLine::Request(victim.door(), "GET", path, key), 3);
    std::atomic<bool> is_over = false;
    std::atomic<std::uint64_t> connections = 0;
    std::vector<std::jthread> hammers;
    for (int hammer = 0; hammer < kHammers; ++hammer) {
      hammers.emplace_back([&] {
        std::deque<HttpLine> crowd;
        while (!is_over) {
          absl::StatusOr<HttpLine> line = HttpLine::Connect(victim.door());
          if (!line.ok()) continue;
          line->Send(requests);
          crowd.push_back(*std::move(line));
          if (crowd.size() > kConnections) crowd.pop_front();
          ++connections;
        }
      });
    }
    const std::vector<double> flooded =
        AskAnew(victim, Clock::now() + 2 * target.flood_time(), &outcome.fault);
    is_over = true;
    hammers.clear();
    const auto p99 = [](const std::vector<double>& ms) { return ms[ms.size() * 99 / 100]; };
    outcome.words = absl::StrCat(connections.load(), " connections; p50 and p99 of newcomers with a key ",
                                 flooded[flooded.size() / 2], " and ", p99(flooded), " ms, before the flood ",
                                 quiet[quiet.size() / 2], " and ", p99(quiet));
    return victim.Check(outcome);
  };
}

}  // namespace

std::vector<Attack> HttpCrowdAttacks() {
  return {
      {"slow-head", "A head that is sent byte by byte, slowly.", "CLOSED", SlowHead},
      {"slow-body", "A body that is sent byte by byte, slowly, with a key; body_time must be below 10 s.",
       "408", SlowBody},
      {"promised-uploads", "400 uploads without a key, of which no byte is sent.", "404", PromisedUploads},
      {"slow-heads", "400 heads without a key that are never finished.", "OK", SlowHeads},
      {"pipelined", "500 requests in one packet.", "200", Pipelined},
      {"idle", "200 clients that keep their connection and do nothing.", "OK", Idle(kIdle)},
      {"idle-crowd",
       "More clients that keep their connection and do nothing than the door has "
       "connections.",
       "OK", Idle(kCrowd)},
      {"unread-streams", "Streams of a table that the client does not read.", "OK", UnreadStreams},
      {"unread-pages", "Pages with a key that the client does not read.", "OK", UnreadJsonPages},
      {"unread-documents", "Answers without a key that the client does not read.", "OK",
       UnreadDocuments(kUnread)},
      {"unread-documents-of-many", "The same by more clients than the door has connections.", "OK",
       UnreadDocuments(kCrowd)},
      {"wrong-keys", "Thousands of invalid keys.", "401", WrongKeys},
      {"beyond-key", "150 slow requests with one key at a time.", "429", BeyondKey},
      {"keyless-flood", "300 connections without a key, which connect again and again.", "OK",
       KeylessFlood("/healthz")},
      {"bad-key-flood", "The same with an invalid key.", "OK", KeylessFlood("/v2/storages", "none")},
      {"document-flood", "The same for a long document.", "OK", KeylessFlood("/openapi.json")},
      {"storm", "Connections that are opened and reset.", "OK", HttpStorm},
  };
}

}  // namespace mirror::harness
