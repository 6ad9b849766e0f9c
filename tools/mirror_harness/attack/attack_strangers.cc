// Attacks by a client that reaches the port but has no token, from as many connections as it may open.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/mirror_harness/attack/raw_http2.h"
#include "tools/mirror_harness/attack/raw_socket.h"
#include "tools/mirror_harness/attack/target.h"

namespace mirror::harness {
namespace {

using Clock = std::chrono::steady_clock;
using Connections = std::vector<std::unique_ptr<RawHttp2>>;

constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kWatch[] = "/grpc.health.v1.Health/Watch";
constexpr char kAuthenticate[] = "/mirror.v1.MirrorClientService/Authenticate";
/// Number of concurrent streams of a connection that an endpoint with the default limits allows.
constexpr std::uint32_t kStreams = 100;
constexpr int kResetThreads = 8;

/// All results are expected: the attack only checks that other clients are served.
constexpr char kAnyEnd[] = "CLOSED|OPEN|RESOURCE_EXHAUSTED|UNAUTHENTICATED|UNIMPLEMENTED";

/// Makes an attack that keeps connections open while a new source connects. `open` prepares each connection.
Attack::Run Crowd(std::size_t count, std::function<void(RawHttp2&)> open) {
  return [count, open = std::move(open)](Target& target) {
    Connections crowd;
    for (std::size_t i = 0; i < count; ++i) {
      absl::StatusOr<std::unique_ptr<RawHttp2>> connection = RawHttp2::Connect(target.endpoint());
      if (!connection.ok()) break;  // The endpoint accepts no more connections.
      open(**connection);
      crowd.push_back(*std::move(connection));
    }
    if (crowd.empty()) return Outcome{{}, "", "no connection was accepted"};
    Outcome outcome = crowd.back()->Await(1, std::chrono::milliseconds(200));
    outcome.words = absl::StrCat(crowd.size(), " connections");
    return target.CheckService(outcome);
  };
}

/// Makes an attack that opens as many calls of one kind as a connection may have. With a `body`, each call
/// sends it as a message.
Attack::Run CrowdOfCalls(std::size_t count, const std::string& path, const std::string& body = "") {
  return Crowd(count, [path, body](RawHttp2& connection) {
    for (std::uint32_t i = 0; i < kStreams; ++i) {
      if (!connection.Call(2 * i + 1, path, "")) return;
      if (!body.empty() && !connection.Body(2 * i + 1, body, false)) return;
    }
  });
}

/// Opens calls of fifteen bytes each, before it acknowledges the endpoint's limit of concurrent calls.
void OpenStreamsUnasked(RawHttp2& connection) {
  constexpr std::uint32_t kCalls = 5'000;
  const RawHttp2::Headers headers = RawHttp2::CallHeaders(kAuthenticate, "");
  std::string frames =
      RawHttp2::Framed(RawHttp2::kHeaders, RawHttp2::kEndHeaders, 1, RawHttp2::EncodeToRemember(headers));
  for (std::uint32_t i = 1; i < kCalls; ++i) {
    frames += RawHttp2::Framed(RawHttp2::kHeaders, RawHttp2::kEndHeaders, 2 * i + 1,
                               RawHttp2::Remembered(headers.size()));
  }
  connection.WriteBytes(frames);
}

/// Sends one text of some megabytes in frames of a few bytes. An endpoint that copies the whole text for each
/// frame would be busy for minutes.
Outcome ContinuedText(Target& target) {
  constexpr std::size_t kTextBytes = 5 << 20, kTextPiece = 8, kFramesAtOnce = 1'000;
  return target.CheckService(InParallel(2, [&](int) {
    absl::StatusOr<std::unique_ptr<RawHttp2>> connection = RawHttp2::Connect(target.endpoint());
    if (!connection.ok()) return OutcomeOf(connection.status());
    // The beginning of a text of this length. The bytes of the text follow.
    const std::string whole = RawHttp2::Encode({{"x-more", std::string(kTextBytes, 'x')}});
    const std::string begin = whole.substr(0, whole.size() - kTextBytes);
    (*connection)
        ->Write(RawHttp2::kHeaders, 0, 1, RawHttp2::Encode(RawHttp2::CallHeaders(kRowDataPath, "")) + begin);
    std::string frames;
    for (std::size_t i = 0; i < kFramesAtOnce; ++i)
      frames += RawHttp2::Framed(RawHttp2::kContinuation, 0, 1, std::string(kTextPiece, 'x'));
    for (std::size_t sent = 0; sent < kTextBytes; sent += kFramesAtOnce * kTextPiece) {
      if (!(*connection)->WriteBytes(frames)) break;
    }
    return (*connection)->Await(1, kAttackPatience);
  }));
}

/// Opens and cancels calls on 80 connections, on each within the limit for one connection.
Outcome RapidResets(Target& target) {
  constexpr std::size_t kConnections = 80;
  constexpr std::uint32_t kCallsAtOnce = 64;
  const auto end = Clock::now() + target.flood_time();
  const RawHttp2::Headers headers = RawHttp2::CallHeaders(kRowDataPath, "");
  const std::string cancel("\0\0\0\10", 4);
  std::atomic<std::uint64_t> calls = 0;
  Outcome outcome = InParallel(kResetThreads, [&](int) {
    struct Attacker {
      std::unique_ptr<RawHttp2> connection;
      std::uint32_t turn = 0;
    };
    std::vector<Attacker> attackers(kConnections / kResetThreads);
    Outcome all;
    while (Clock::now() < end) {
      for (Attacker& attacker : attackers) {
        if (Clock::now() >= end) break;
        if (attacker.connection == nullptr) {
          absl::StatusOr<std::unique_ptr<RawHttp2>> connection = RawHttp2::Connect(target.endpoint());
          if (!connection.ok()) continue;
          attacker = {*std::move(connection), 0};
        }
        std::string frames;
        for (std::uint32_t i = 0; i < kCallsAtOnce; ++i, ++attacker.turn) {
          const std::uint32_t stream = 2 * attacker.turn + 1;
          frames += RawHttp2::Framed(RawHttp2::kHeaders, RawHttp2::kEndHeaders, stream,
                                     attacker.turn == 0 ? RawHttp2::EncodeToRemember(headers)
                                                        : RawHttp2::Remembered(headers.size()));
          frames += RawHttp2::Framed(RawHttp2::kReset, 0, stream, cancel);
        }
        calls += kCallsAtOnce;
        if (attacker.connection->WriteBytes(frames)) continue;
        all.got.insert(kClosed);
        attacker.connection = nullptr;
      }
    }
    return all;
  });
  if (outcome.got.empty()) outcome.got.insert(kOpen);
  outcome.words = absl::StrCat(calls.load(), " calls");
  return target.CheckService(outcome);
}

/// Connects new clients one after the other and measures the time of each. Returns a fault; empty: all were
/// served soon. `words` gets the times.
std::string ServeNewcomers(const Target& target, std::string* words) {
  constexpr int kNewcomers = 20;
  std::vector<double> ms;
  for (int i = 0; i < kNewcomers; ++i) {
    const auto begin = Clock::now();
    const auto client = target.NewClient(target.Tenant("victim"));
    const absl::Status status = client->Authenticate("somebody", false, true).status();
    if (!status.ok()) return absl::StrCat("newcomer ", i, " is not served: ", std::string(status.message()));
    ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  std::sort(ms.begin(), ms.end());
  absl::StrAppend(words, "; newcomers are served in ", ms[ms.size() / 2], " ms, the last in ", ms.back());
  return ms.back() < 100.0 * kAttackPatience.count() ? "" : "a newcomer waits for seconds: " + *words;
}

/// Opens more connections than there are places, from six addresses; each sends only the preface.
Outcome IdleStrangers(Target& target) {
  constexpr int kStrangers = 1'100, kAddresses = 6;
  std::string quiet;
  if (std::string fault = ServeNewcomers(target, &quiet); !fault.empty()) return {{}, quiet, fault};
  Connections crowd;
  for (int i = 0; i < kStrangers; ++i) {
    absl::StatusOr<std::unique_ptr<RawHttp2>> connection =
        RawHttp2::Connect(target.endpoint(), true, absl::StrCat("127.0.0.", 2 + i % kAddresses));
    if (connection.ok()) crowd.push_back(*std::move(connection));
  }
  Outcome outcome{{crowd.empty() ? kClosed : kOpen},
                  absl::StrCat(crowd.size(), " connections", quiet, "; meanwhile"),
                  ""};
  outcome.fault = ServeNewcomers(target, &outcome.words);
  return outcome;
}

/// Connects new clients during a flood, while `threads` threads attack until `is_over`. Each thread counts
/// its connections.
Outcome BesideAttackers(const Target& target, int threads, const char* got,
                        const std::function<void(int thread, const std::atomic<bool>& is_over,
                                                 std::atomic<std::uint64_t>& connections)>& attack) {
  const auto end = Clock::now() + target.flood_time();
  std::atomic<bool> is_over = false;
  std::atomic<std::uint64_t> connections = 0;
  std::vector<std::jthread> attackers;
  for (int thread = 0; thread < threads; ++thread)
    attackers.emplace_back([&, thread] { attack(thread, is_over, connections); });
  Outcome outcome{{got}, "", ""};
  do {
    outcome.words.clear();
    outcome.fault = ServeNewcomers(target, &outcome.words);
  } while (outcome.fault.empty() && Clock::now() < end);
  is_over = true;
  outcome.words = absl::StrCat(connections.load(), " connections", outcome.words);
  return outcome;
}

/// Opens connections that send nothing, and opens them again as soon as they are closed.
Outcome SilentStrangers(Target& target) {
  return BesideAttackers(
      target, kResetThreads, kOpen, [&](int thread, const auto& is_over, auto& connections) {
        std::deque<RawSocket> crowd;
        while (!is_over) {
          absl::StatusOr<RawSocket> connection =
              RawSocket::Connect(target.endpoint().address, absl::StrCat("127.0.0.", 2 + thread));
          if (!connection.ok()) continue;
          crowd.push_back(*std::move(connection));
          if (crowd.size() > 150) crowd.pop_front();
          ++connections;
        }
      });
}

/// Sends frames of headers without a pause, and reconnects as soon as the endpoint ends the connection. An
/// endpoint that reads as long as there is data would do nothing else.
Outcome EndlessHeaders(Target& target) {
  constexpr int kHeadersInAFrame = 2'000;
  std::string block;
  for (int i = 0; i < kHeadersInAFrame; ++i)
    block += std::string("\x40\x01", 2) + "a" + std::string("\x01", 1) + "b";
  const std::string frame = RawHttp2::Framed(RawHttp2::kContinuation, 0, 1, block);
  return BesideAttackers(target, 1, kClosed, [&](int, const auto& is_over, auto& connections) {
    while (!is_over) {
      absl::StatusOr<std::unique_ptr<RawHttp2>> connection = RawHttp2::Connect(target.endpoint());
      if (!connection.ok()) continue;
      ++connections;
      (*connection)
          ->Write(RawHttp2::kHeaders, 0, 1, RawHttp2::Encode(RawHttp2::CallHeaders(kRowDataPath, "")));
      while (!is_over && (*connection)->WriteBytes(frame)) {
      }
    }
  });
}

}  // namespace

Theme StrangerAttacks() {
  return {
      "strangers",
      {
          {"reflection-streams", "Four connections with a hundred idle streams of reflection each.", kAnyEnd,
           CrowdOfCalls(4, kReflection)},
          {"health-watches", "A hundred and ninety connections with a hundred watches of health each.",
           kAnyEnd, CrowdOfCalls(190, kWatch, MessagePrefix(false, 0))},
          {"silent-authenticates", "Ten connections with a hundred Authenticates whose message never comes.",
           kAnyEnd, CrowdOfCalls(10, kAuthenticate)},
          {"streams-unasked", "Two connections with 5,000 calls each, before settings are agreed.", kAnyEnd,
           Crowd(2, OpenStreamsUnasked)},
          {"continued-text", "A header's text of 5 MB in pieces of 8 bytes, twice.", "CLOSED", ContinuedText},
          {"endless-headers", "Endless headers, as fast as possible, from one connection after the other.",
           "CLOSED", EndlessHeaders},
          {"idle-strangers", "1,100 connections of six addresses that send only a hello.", kAnyEnd,
           IdleStrangers},
          {"silent-strangers", "Connections that send nothing, as many and as fast as possible.", kAnyEnd,
           SilentStrangers},
          {"rapid-resets-many", "Calls that are cancelled at once, from 80 connections together.", kAnyEnd,
           RapidResets},
      },
  };
}

}  // namespace mirror::harness
