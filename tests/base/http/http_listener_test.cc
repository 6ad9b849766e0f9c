#include "base/http/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/base/http/function_door.h"
#include "tests/support/raw_http.h"
#include "tests/support/status_matchers.h"

namespace mirror::http_listener_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::StartsWith;

std::unique_ptr<HttpListener> Open(FunctionDoor::Answers answers = [](const HttpHead& request) {
  return HttpAnswer{200, "text/plain", "it is " + request.path};
}) {
  auto listener = HttpListener::Open("127.0.0.1", 0, std::make_shared<FunctionDoor>(std::move(answers)));
  EXPECT_THAT(listener, IsOk());
  return listener.ok() ? *std::move(listener) : nullptr;
}

TEST(HttpListenerTest, GetAndHeadAreAnswered) {
  const auto listener = Open();
  EXPECT_THAT(HttpGet(listener->port(), "/a?b=c"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 8\r\n"),
                    HasSubstr("Connection: close"), EndsWith("\r\n\r\nit is /a")));
  EXPECT_THAT(RawHttp(listener->port()).Ask("HEAD /a HTTP/1.1\r\nHost: localhost\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("Content-Length: 8\r\n"), EndsWith("\r\n\r\n")));
}

TEST(HttpListenerTest, WhatIsNoGetIsRefusedWithWords) {
  const auto listener = Open();
  struct Case {
    std::string request, want;
  };
  for (const auto& [request, want] : std::vector<Case>{
           {"POST / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405"},
           {"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405"},
           {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 413"},
           {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 413"},
           {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n", "HTTP/1.1 413"},
           {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            "HTTP/1.1 413"},
           {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 4"},
           {"no request at all\r\n\r\n", "HTTP/1.1 400"},
           {"GET /" + std::string(HttpLimits().header_bytes_max, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 431"},
           {"GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(HttpLimits().header_bytes_max, 'x') + "\r\n\r\n",
            "HTTP/1.1 431"},
       }) {
    EXPECT_THAT(RawHttp(listener->port()).Ask(request), AllOf(StartsWith(want), HasSubstr("\r\n\r\n")))
        << request.substr(0, 60);
  }
  EXPECT_THAT(HttpGet(listener->port(), "/"), StartsWith("HTTP/1.1 200"));
}

/// Sends `begin`, then `more` again and again until nobody takes it. Gives the bytes, at most 64 MB.
std::size_t BytesTaken(const HttpListener& listener, const std::string& begin, const std::string& more) {
  RawHttp connection(listener.port());
  std::size_t bytes = 0;
  connection.Send(begin);
  while (bytes < 64 << 20 && connection.Send(more)) bytes += more.size();
  return bytes;
}

TEST(HttpListenerTest, WhatNeverEndsIsNotTaken) {
  const auto listener = Open();
  const std::string piece(64 << 10, 'x');
  const std::string chunk = "10000\r\n" + piece + "\r\n";
  // What lies in the two sockets is the kernel's.
  constexpr std::size_t kKernels = 24 << 20;
  EXPECT_LT(BytesTaken(*listener, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
            kKernels);
  EXPECT_LT(BytesTaken(*listener, "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
            kKernels);
  EXPECT_LT(BytesTaken(*listener, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", piece),
            kKernels);
  EXPECT_LT(BytesTaken(*listener, "POST / HTTP/1.1\r\nHost: x\r\n\r\n", piece), kKernels);
  EXPECT_LT(BytesTaken(*listener, "GET / HTTP/1.1\r\nHost: x\r\nX: ", piece), kKernels);
  EXPECT_LT(BytesTaken(*listener, "GET / HTTP/1.1\r\nHost: x\r\n", "X: " + std::string(60'000, 'x') + "\r\n"),
            kKernels);
}

TEST(HttpListenerTest, APortThatIsTakenIsAnError) {
  const auto first = Open();
  EXPECT_THAT(HttpListener::Open("127.0.0.1", first->port(), std::make_shared<FunctionDoor>(nullptr)),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("another program")));
}

TEST(HttpListenerTest, WhatThrowsIsAnErrorOfThatCallAlone) {
  const auto listener = Open([](const HttpHead& request) -> HttpAnswer {
    if (request.path == "/bad") throw std::bad_alloc();
    return {200, "text/plain", "ok"};
  });
  EXPECT_THAT(HttpGet(listener->port(), "/bad"), StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(HttpGet(listener->port(), "/"), StartsWith("HTTP/1.1 200"));
}

TEST(HttpListenerTest, WhoSaysNothingMakesRoomForTheNext) {
  const auto listener = Open();
  std::vector<std::unique_ptr<RawHttp>> silent;
  const auto begin = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < 3 * HttpLimits().connections_max; ++i) {
    silent.push_back(std::make_unique<RawHttp>(listener->port()));
  }
  EXPECT_THAT(HttpGet(listener->port(), "/"), StartsWith("HTTP/1.1 200"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, HttpLimits().request_time)
      << "only when their time was over";
  EXPECT_EQ(silent.front()->Receive(), "");
  const HttpConnections connections = listener->connections();
  EXPECT_LE(connections.open, HttpLimits().connections_max);
  EXPECT_GE(connections.let_go, 2 * HttpLimits().connections_max);
}

/// Lets POST /<number> have a body of 10 bytes, and notes what it is told of.
class NotingDoor final : public HttpDoor {
 public:
  HttpAdmission Admit(const HttpHead& head) override {
    HttpAdmission admission;
    admission.call = static_cast<std::size_t>(std::stoi(head.path.substr(1)));
    admission.body_bytes_max = 10;
    if (head.method == "DELETE") admission.refusal = Refuse(403, "no");
    admission.answer = [](const HttpHead&, const std::string&) { return HttpAnswer{.status = 201}; };
    return admission;
  }
  void NoteAnswer(std::size_t call, int status, std::chrono::nanoseconds took) override {
    const std::lock_guard lock(mutex_);
    noted_.push_back({call, status});
    is_late_ = is_late_ || took < std::chrono::nanoseconds(0) || took > std::chrono::minutes(1);
  }
  std::vector<std::pair<std::size_t, int>> Noted() {
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(is_late_);
    return noted_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<std::size_t, int>> noted_;
  bool is_late_ = false;
};

TEST(HttpListenerTest, TheDoorIsToldOfEachAnswerAndWhoseItIs) {
  const auto door = std::make_shared<NotingDoor>();
  const auto listener = HttpListener::Open("127.0.0.1", 0, door);
  ASSERT_THAT(listener, IsOk());
  const std::uint16_t port = (*listener)->port();
  for (const std::string& request : std::vector<std::string>{
           "POST /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
           "POST /4 HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello",
           "POST /5 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n",
           "DELETE /6 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /7 HTTP/1.1\r\n\r\n", "no request at all\r\n\r\n",
           "GET /8 HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n\r\n"}) {
    EXPECT_THAT(RawHttp(port).Ask(request), StartsWith("HTTP/1.1 ")) << request;
  }
  EXPECT_THAT(door->Noted(), ElementsAre(Pair(3, 201), Pair(4, 413), Pair(5, 413), Pair(6, 403), Pair(0, 400),
                                         Pair(0, 400), Pair(0, 415)));
}

TEST(HttpListenerTest, OpenConnectionsAreCounted) {
  const auto listener = Open();
  const auto wait_for = [&](std::size_t open) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (listener->connections().open != open && std::chrono::steady_clock::now() < end)
      std::this_thread::yield();
    EXPECT_EQ(listener->connections().open, open);
  };
  {
    const RawHttp one(listener->port()), two(listener->port());
    wait_for(2);
  }
  wait_for(0);
  EXPECT_EQ(listener->connections().let_go, 0U);
}

/// A handler that waits for a word, and counts who waits.
class Gatekeeper {
 public:
  HttpAnswer operator()() {
    std::unique_lock lock(mutex_);
    most_ = std::max(most_, ++inside_);
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --inside_;
    return {200, "text/plain", "late"};
  }
  void AwaitInside(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }
  void LetIn() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  std::size_t most() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t inside_ = 0, most_ = 0;
  bool open_ = false;
};

TEST(HttpListenerTest, AnswersAreMadeAFewAtATimeAndNobodyIsForgotten) {
  Gatekeeper gatekeeper;
  const auto listener = Open([&](const HttpHead&) { return gatekeeper(); });
  std::vector<std::future<std::string>> answers;
  for (int i = 0; i < 12; ++i) {
    answers.push_back(std::async(std::launch::async, [&] { return HttpGet(listener->port(), "/"); }));
  }
  gatekeeper.AwaitInside(HttpLimits().answers_max);
  gatekeeper.LetIn();
  for (auto& answer : answers) EXPECT_THAT(answer.get(), EndsWith("\r\n\r\nlate"));
  EXPECT_EQ(gatekeeper.most(), HttpLimits().answers_max);
}

TEST(HttpListenerTest, ManyAtOnceAreAllAnswered) {
  const auto listener = Open();
  std::vector<std::jthread> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 20; ++j) EXPECT_THAT(HttpGet(listener->port(), "/x"), HasSubstr("it is /x"));
    });
  }
}

TEST(HttpListenerTest, AStopAnswersWhoAskedAndWaitsForNobodyElse) {
  Gatekeeper gatekeeper;
  auto listener = Open([&](const HttpHead&) { return gatekeeper(); });
  const std::uint16_t port = listener->port();
  RawHttp half(port);
  ASSERT_TRUE(half.Send("GET / HTTP/1.1\r\nHost: x\r\nX: "));
  auto asked = std::async(std::launch::async, [port] { return HttpGet(port, "/"); });
  gatekeeper.AwaitInside(1);
  const auto begin = std::chrono::steady_clock::now();
  auto stopped = std::async(std::launch::async, [&] { listener.reset(); });
  EXPECT_EQ(half.Receive(), "") << "let go while the other one is still being answered";
  gatekeeper.LetIn();
  EXPECT_THAT(asked.get(), EndsWith("\r\n\r\nlate"));
  stopped.get();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, HttpLimits().request_time);
}

TEST(HttpListenerTest, WhoDripsAndWhoTakesNothingIsLetGoWhenHisTimeIsOver) {
  const auto listener = Open([](const HttpHead& request) {
    return HttpAnswer{200, "text/plain", std::string(request.path == "/large" ? 32 << 20 : 2, 'x')};
  });
  std::vector<std::unique_ptr<RawHttp>> takers;
  for (std::size_t i = 0; i < HttpLimits().answers_max; ++i) {
    takers.push_back(std::make_unique<RawHttp>(listener->port()));
    ASSERT_TRUE(takers.back()->Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  const auto begin = std::chrono::steady_clock::now();
  RawHttp dripping(listener->port());
  ASSERT_TRUE(dripping.Send("GET / HTTP/1.1\r\nHost: x\r\nX: "));
  // It has to be slow: a byte now and then is what is tested.
  const std::jthread drips([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && dripping.Send("x")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  EXPECT_EQ(dripping.Receive(), "");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, HttpLimits().request_time / 2);
  EXPECT_THAT(HttpGet(listener->port(), "/"), StartsWith("HTTP/1.1 200"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4 * HttpLimits().request_time);
}

}  // namespace
}  // namespace mirror::http_listener_test
