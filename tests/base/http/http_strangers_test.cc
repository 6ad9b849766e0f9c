// Requests without an API key, and whoever takes its answers slowly, keep others from nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/http/listener.h"
#include "base/mutex.h"
#include "tests/support/raw_http.h"
#include "tests/support/status_matchers.h"

namespace mirror::http_strangers_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

/// More than the buffers of a connection hold.
constexpr std::size_t kMuch = 32 << 20;
constexpr char kQuick[] = "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr char kLast[] = "GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// "/quick" is answered by a thread, "/there" is there already and long, "/long" is made for the X-API-KEY.
/// Each takes a short body.
class ThreeDoors : public HttpDoor {
 public:
  HttpAdmission Admit(const HttpHead& head) override {
    HttpAdmission admission;
    {
      const MutexLock lock(mutex_);
      ++admitted_;
      changed_.NotifyAll();
    }
    if (head.path == "/there") {
      admission.refusal = HttpAnswer{200, "text/plain", std::string(kMuch, 'x')};
      return admission;
    }
    admission.body_bytes_max = 10;
    if (const std::string* const asker = head.Find(HttpFieldName::kApiKey)) admission.asker = *asker;
    admission.answer = [](const HttpHead& asked, const std::string& /*body*/) {
      return HttpAnswer{200, "text/plain", asked.path == "/long" ? std::string(kMuch, 'x') : "quick"};
    };
    return admission;
  }
  void AwaitAdmitted(std::size_t count) {
    const MutexLock lock(mutex_);
    while (admitted_ < count) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::size_t admitted_ MIRROR_GUARDED_BY(mutex_) = 0;
};

std::unique_ptr<HttpListener> OpenStrangers(HttpLimits limits) {
  limits.answer_time = std::chrono::seconds(600);  // Nobody here waits for it.
  auto listener = HttpListener::Open("127.0.0.1", 0, std::make_shared<ThreeDoors>(), limits);
  EXPECT_THAT(listener, IsOk());
  return listener.ok() ? *std::move(listener) : nullptr;
}

/// Connections that asked and read nothing.
std::vector<std::unique_ptr<RawHttp>> Unread(const HttpListener& listener, int count,
                                             const std::string& request) {
  std::vector<std::unique_ptr<RawHttp>> crowd;
  for (int i = 0; i < count; ++i) {
    crowd.push_back(std::make_unique<RawHttp>(listener.port()));
    crowd.back()->Send(request);
  }
  return crowd;
}

TEST(HttpStrangersTest, WhatIsThereAlreadyTakesNoTurn) {
  const auto listener = OpenStrangers({.answers_max = 2, .answers_of_one_max = 2});
  const auto crowd = Unread(*listener, 10, "GET /there HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(RawHttp(listener->port()).Ask(kQuick), StartsWith("HTTP/1.1 200"));
}

TEST(HttpStrangersTest, ACrowdThatReadsNothingOfItKeepsNobodyOut) {
  const auto listener = OpenStrangers({.connections_max = 8});
  const auto crowd = Unread(*listener, 30, "GET /there HTTP/1.1\r\nHost: x\r\n\r\n");
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(RawHttp(listener->port()).Ask(kQuick), StartsWith("HTTP/1.1 200"));
  }
}

TEST(HttpStrangersTest, ACrowdThatPromisesBodiesKeepsNobodyOut) {
  const auto listener = OpenStrangers({.connections_max = 8});
  RawHttp known(listener->port());
  known.Send("POST /quick HTTP/1.1\r\nHost: x\r\nX-API-KEY: known\r\nContent-Length: 10\r\n\r\n");
  const auto crowd =
      Unread(*listener, 30, "POST /quick HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(RawHttp(listener->port()).Ask(kQuick), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_THAT(known.Ask("0123456789"), StartsWith("HTTP/1.1 200")) << "a request with a key keeps the place";
}

TEST(HttpStrangersTest, AllThatAskedKeepNobodyOutOnceOneIsAnswered) {
  constexpr std::size_t kMost = 8;
  HttpLimits limits{.connections_max = kMost, .keep_alive = true};
  limits.idle_time = std::chrono::seconds(600);
  limits.answer_time = std::chrono::seconds(600);
  const auto door = std::make_shared<ThreeDoors>();
  const auto listener = HttpListener::Open("127.0.0.1", 0, door, limits);
  ASSERT_THAT(listener, IsOk());
  std::vector<std::unique_ptr<RawHttp>> known;
  // When the last of them comes, all others have asked: there is nobody to be let go.
  while (known.size() < kMost) {
    known.push_back(std::make_unique<RawHttp>((*listener)->port()));
    known.back()->Send(
        "POST /quick HTTP/1.1\r\nHost: x\r\nX-API-KEY: known\r\nContent-Length: 10\r\n\r\nabc");
    door->AwaitAdmitted(known.size());
  }
  RawHttp next((*listener)->port());
  for (const auto& one : known) one->Send("3456789");
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(next.Ask("GET /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, limits.idle_time / 2);
  EXPECT_GE((*listener)->connections().let_go, 1U);
}

TEST(HttpStrangersTest, AKnownOneThatRestsStaysWhileThereAreStrangers) {
  HttpLimits limits{.connections_max = 8, .keep_alive = true};
  limits.idle_time = std::chrono::seconds(600);
  const auto listener = OpenStrangers(limits);
  RawHttp known(listener->port());
  known.Send("GET /quick HTTP/1.1\r\nHost: x\r\nX-API-KEY: known\r\n\r\n");
  ASSERT_TRUE(known.ReceiveUntil("quick"));
  std::vector<std::unique_ptr<RawHttp>> strangers;
  for (int i = 0; i < 30; ++i) {
    strangers.push_back(std::make_unique<RawHttp>(listener->port()));
    EXPECT_THAT(RawHttp(listener->port()).Ask(kLast), StartsWith("HTTP/1.1 200")) << i;
  }
  EXPECT_THAT(known.Ask(kLast), StartsWith("HTTP/1.1 200")) << "it was the oldest";
}

TEST(HttpStrangersTest, InACrowdAnAnswerWithoutAKeyClosesItsConnection) {
  HttpLimits limits{.connections_max = 32, .keep_alive = true};
  limits.strangers_kept_max = 4;
  const auto listener = OpenStrangers(limits);
  const std::string asked = "GET /quick HTTP/1.1\r\nHost: x\r\n", keyed = asked + "X-API-KEY: known\r\n";
  const auto both = [&listener](const std::string& request) {
    return RawHttp(listener->port()).Ask(absl::StrCat(request, "\r\n", request, "Connection: close\r\n\r\n"));
  };
  const auto answers = [](const std::string& text) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find("HTTP/1.1 200", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  EXPECT_EQ(answers(both(asked)), 2U) << "a few strangers keep their connections";
  std::vector<std::unique_ptr<RawHttp>> silent;
  for (int i = 0; i < 5; ++i) silent.push_back(std::make_unique<RawHttp>(listener->port()));
  while (listener->connections().open < silent.size()) std::this_thread::yield();
  const std::string one = both(asked);
  EXPECT_EQ(answers(one), 1U);
  EXPECT_THAT(one, HasSubstr("Connection: close"));
  EXPECT_EQ(answers(both(keyed)), 2U);
}

TEST(HttpStrangersTest, OneAddressHasOnlySoManyConnectionsWithoutAKey) {
  HttpLimits limits{
      .connections_max = 32, .connections_per_address_max = 3, .unlimited = {}, .keep_alive = true};
  const auto listener = OpenStrangers(limits);
  std::vector<std::unique_ptr<RawHttp>> here;
  for (int i = 0; i < 3; ++i) {
    here.push_back(std::make_unique<RawHttp>(listener->port()));
    here.back()->Send("GET /quick HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(here.back()->ReceiveUntil("quick"));
  }
  EXPECT_EQ(RawHttp(listener->port()).Receive(), "") << "it is closed at once";
  EXPECT_GE(listener->connections().let_go, 1U);
  EXPECT_THAT(RawHttp(listener->port(), "127.0.0.2").Ask(kLast), StartsWith("HTTP/1.1 200"));
  // A key that is known gives the address its place back.
  here.front()->Send("GET /quick HTTP/1.1\r\nHost: x\r\nX-API-KEY: known\r\n\r\n");
  ASSERT_TRUE(here.front()->ReceiveUntil("quick"));
  EXPECT_THAT(RawHttp(listener->port()).Ask(kLast), StartsWith("HTTP/1.1 200"));
}

TEST(HttpStrangersTest, OfTheAddressWithMostStrangersOneGoesFirst) {
  HttpLimits limits{.connections_max = 8, .unlimited = {}, .keep_alive = true};
  const auto listener = OpenStrangers(limits);
  RawHttp alone(listener->port(), "127.0.0.2");
  alone.Send("GET /quick HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(alone.ReceiveUntil("quick"));
  std::vector<std::unique_ptr<RawHttp>> crowd;
  for (int i = 0; i < 30; ++i) {
    crowd.push_back(std::make_unique<RawHttp>(listener->port()));
    EXPECT_THAT(RawHttp(listener->port()).Ask(kLast), StartsWith("HTTP/1.1 200")) << i;
  }
  EXPECT_THAT(alone.Ask(kLast), StartsWith("HTTP/1.1 200")) << "it was the oldest";
}

/// Many in the queue at once: the last of them waits for a few turns of the listener, and not for one each.
TEST(HttpStrangersTest, ManyNewcomersAreTakenInOneTurn) {
  HttpLimits limits{.connections_max = 256};
  const auto listener = OpenStrangers(limits);
  std::vector<std::unique_ptr<RawHttp>> crowd;
  for (int i = 0; i < 1'000; ++i) crowd.push_back(std::make_unique<RawHttp>(listener->port()));
  EXPECT_THAT(RawHttp(listener->port()).Ask(kQuick), StartsWith("HTTP/1.1 200"));
  EXPECT_LE(listener->connections().open, limits.connections_max + 32);
}

TEST(HttpStrangersTest, OneThatTakesItsAnswersSlowlyLeavesTurnsToOthers) {
  const auto listener = OpenStrangers({.answers_max = 4, .answers_of_one_max = 2});
  const auto crowd = Unread(*listener, 10, "GET /long HTTP/1.1\r\nHost: x\r\nX-API-KEY: slow\r\n\r\n");
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(RawHttp(listener->port()).Ask("GET /quick HTTP/1.1\r\nHost: x\r\nX-API-KEY: other\r\n\r\n"),
                StartsWith("HTTP/1.1 200"));
  }
}

}  // namespace
}  // namespace mirror::http_strangers_test
