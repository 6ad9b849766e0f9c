// How requests end that do not end by themselves: bodies that do not come, answers that nobody takes, sources
// that wait, and the listener's own end.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "base/http/listener.h"
#include "base/mutex.h"
#include "tests/support/raw_http.h"
#include "tests/support/status_matchers.h"

namespace mirror::http_ends_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

/// More than the buffers of a connection hold.
constexpr std::size_t kMore = 32 << 20;
constexpr std::chrono::seconds kNever(600);
/// For what takes no time, on a busy machine.
constexpr std::chrono::seconds kSoon(60);

/// Closed until it is opened.
class Gate {
 public:
  void Open() {
    const MutexLock lock(mutex_);
    is_open_ = true;
    changed_.NotifyAll();
  }
  void Pass() {
    const MutexLock lock(mutex_);
    ++came_;
    changed_.NotifyAll();
    while (!is_open_) changed_.Wait(mutex_);
  }
  void AwaitSomebody() {
    const auto until = Clock::now() + kSoon;
    const MutexLock lock(mutex_);
    while (came_ == 0 && changed_.WaitUntil(mutex_, until)) {
    }
    EXPECT_GT(came_, 0);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool is_open_ MIRROR_GUARDED_BY(mutex_) = false;
  int came_ MIRROR_GUARDED_BY(mutex_) = 0;
};

/// Without an end. At its own it waits for `gate`, where there is one.
class EndlessSource final : public HttpBodySource {
 public:
  explicit EndlessSource(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
  ~EndlessSource() override {
    if (gate_) gate_->Pass();
  }
  EndlessSource(const EndlessSource&) = delete;
  EndlessSource& operator=(const EndlessSource&) = delete;
  absl::StatusOr<bool> Next(std::string* piece) override {
    *piece = std::string(100'000, 'x');
    return true;
  }

 private:
  const std::shared_ptr<Gate> gate_;
};

/// Without an end, and without anything to say.
class SilentSource final : public HttpBodySource {
 public:
  explicit SilentSource(std::shared_ptr<Gate> ended) : ended_(std::move(ended)) {}
  ~SilentSource() override { ended_->Open(); }
  SilentSource(const SilentSource&) = delete;
  SilentSource& operator=(const SilentSource&) = delete;
  absl::StatusOr<bool> Next(std::string* /*piece*/) override {
    std::this_thread::yield();
    return true;
  }

 private:
  const std::shared_ptr<Gate> ended_;
};

/// At its end it waits for `gate`, where there is one.
class NotedSink final : public HttpBodySink {
 public:
  NotedSink(std::atomic<std::size_t>* bytes, std::shared_ptr<Gate> gate)
      : bytes_(*bytes), gate_(std::move(gate)) {}
  ~NotedSink() override {
    if (gate_) gate_->Pass();
  }
  NotedSink(const NotedSink&) = delete;
  NotedSink& operator=(const NotedSink&) = delete;
  absl::Status Write(std::string_view piece) override {
    bytes_ += piece.size();
    return absl::OkStatus();
  }

 private:
  std::atomic<std::size_t>& bytes_;
  const std::shared_ptr<Gate> gate_;
};

/// "/sink" takes a body, "/body" has one in memory, "/stream" and "/silent" never end, "/long" is long,
/// "/slow" waits for the gate.
class EndsDoor final : public HttpDoor {
 public:
  HttpAdmission Admit(const HttpHead& head) override {
    HttpAdmission admission;
    admission.asker = "somebody";
    if (head.path == "/body" || head.path == "/sink") admission.body_bytes_max = kMore;
    if (head.path == "/sink") admission.sink = std::make_unique<NotedSink>(&sunk, sink_gate);
    admission.answer = [this](const HttpHead& asked, const std::string& /*body*/) {
      HttpAnswer answer{200, "text/plain", "done"};
      if (asked.path == "/long") answer.body = std::string(kMore, 'x');
      if (asked.path == "/stream") answer.stream = std::make_unique<EndlessSource>(source_gate);
      if (asked.path == "/silent") answer.stream = std::make_unique<SilentSource>(gate);
      if (asked.path == "/slow") gate->Pass();
      return answer;
    };
    return admission;
  }

  const std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  std::shared_ptr<Gate> source_gate;  ///< Null: its end waits for nobody.
  std::shared_ptr<Gate> sink_gate;    ///< The same.
  std::atomic<std::size_t> sunk = 0;
};

class HttpEndsTest : public testing::Test {
 protected:
  void Open() {
    auto opened = HttpListener::Open("127.0.0.1", 0, door_, limits_);
    ASSERT_THAT(opened, IsOk());
    listener_ = *std::move(opened);
  }
  std::unique_ptr<RawHttp> Send(const std::string& request) {
    auto connection = std::make_unique<RawHttp>(listener_->port());
    connection->Send(request);
    return connection;
  }
  /// Ends the listener. Gives how long that took.
  Clock::duration End() {
    const auto begin = Clock::now();
    listener_.reset();
    return Clock::now() - begin;
  }
  void AwaitSunk(std::size_t bytes) {
    const auto until = Clock::now() + kSoon;
    while (door_->sunk < bytes && Clock::now() < until) std::this_thread::yield();
    ASSERT_GE(door_->sunk, bytes);
  }

  const std::shared_ptr<EndsDoor> door_ = std::make_shared<EndsDoor>();
  HttpLimits limits_ = {.body_time = kNever, .answer_time = kNever, .stop_time = kNever};
  std::unique_ptr<HttpListener> listener_;
};

TEST_F(HttpEndsTest, ABodyThatDoesNotComeInTimeIsAnswered) {
  limits_.body_time = std::chrono::seconds(1);
  Open();
  EXPECT_THAT(
      RawHttp(listener_->port()).Ask("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"),
      AllOf(StartsWith("HTTP/1.1 408"), HasSubstr("Connection: close"), HasSubstr("in time")));
  EXPECT_THAT(RawHttp(listener_->port()).Ask("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"),
              StartsWith("HTTP/1.1 408"));
}

TEST_F(HttpEndsTest, ABodyOfASinkMayTakeLongerWhileItComes) {
  limits_.body_time = std::chrono::seconds(1);
  Open();
  const auto connection = Send("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n");
  const auto begin = Clock::now();
  std::size_t sent = 0;
  // Byte by byte, each when the former one is there.
  while (Clock::now() - begin < std::chrono::milliseconds(1'500)) {
    ASSERT_TRUE(connection->Send("x"));
    AwaitSunk(++sent);
  }
  EXPECT_THAT(connection->Receive(), StartsWith("HTTP/1.1 408")) << "once it does not come any more";
}

TEST_F(HttpEndsTest, ABodyOfASinkHasATimeInAll) {
  limits_.body_time = limits_.sink_time = std::chrono::seconds(1);
  Open();
  const auto connection = Send("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n");
  const auto until = Clock::now() + kSoon;
  bool is_taken = true;
  // It comes without a pause, and never ends.
  while (is_taken && Clock::now() < until) is_taken = connection->Send("x");
  EXPECT_FALSE(is_taken);
}

TEST_F(HttpEndsTest, ABodyThatIsNotWholeDoesNotHoldTheEnd) {
  Open();
  const auto in_memory = Send("POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
  const auto in_sink = Send("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
  AwaitSunk(3);
  EXPECT_LT(End(), kSoon);
  EXPECT_EQ(in_sink->Receive(), "");
}

TEST_F(HttpEndsTest, AStreamThatNobodyTakesDoesNotHoldTheEnd) {
  Open();
  const auto reader = Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto until = Clock::now() + kSoon;
  while (listener_->connections().open == 0 && Clock::now() < until) std::this_thread::yield();
  EXPECT_LT(End(), kSoon);
  const std::string taken = reader->Receive();
  EXPECT_FALSE(absl::EndsWith(taken, "0\r\n\r\n")) << "a stream that is cut has no last chunk";
}

TEST_F(HttpEndsTest, AnAnswerThatNobodyTakesHoldsTheEndForSoLong) {
  limits_.stop_time = std::chrono::seconds(1);
  Open();
  const auto reader = Send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto until = Clock::now() + kSoon;
  while (listener_->connections().open == 0 && Clock::now() < until) std::this_thread::yield();
  EXPECT_LT(End(), kSoon);
}

TEST_F(HttpEndsTest, WhoeverHasAskedIsAnsweredAtTheEnd) {
  Open();
  const auto asked = Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  door_->gate->AwaitSomebody();
  std::thread end([this] { End(); });
  door_->gate->Open();
  EXPECT_THAT(asked->Receive(), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("done")));
  end.join();
}

TEST_F(HttpEndsTest, ASourceThatWaitsAtItsEndKeepsNobodyWaiting) {
  door_->source_gate = std::make_shared<Gate>();
  Open();
  {
    const auto reader = Send("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto until = Clock::now() + kSoon;
    while (listener_->connections().open == 0 && Clock::now() < until) std::this_thread::yield();
  }
  door_->source_gate->AwaitSomebody();
  EXPECT_THAT(HttpGet(listener_->port(), "/quick"), StartsWith("HTTP/1.1 200"));
  door_->source_gate->Open();
}

TEST_F(HttpEndsTest, AClientThatLeavesIsNoticedWhereThereIsNothingToWrite) {
  Open();
  {
    const auto reader = Send("GET /silent HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto until = Clock::now() + kSoon;
    while (listener_->connections().open == 0 && Clock::now() < until) std::this_thread::yield();
  }
  door_->gate->Pass();
  EXPECT_THAT(HttpGet(listener_->port(), "/quick"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpEndsTest, ASinkThatWaitsAtItsEndKeepsNobodyWaiting) {
  door_->sink_gate = std::make_shared<Gate>();
  limits_.body_time = std::chrono::seconds(1);
  Open();
  // One whose client leaves, and one that is late.
  Send("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc").reset();
  EXPECT_THAT(RawHttp(listener_->port()).Ask("PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"),
              StartsWith("HTTP/1.1 408"));
  door_->sink_gate->AwaitSomebody();
  EXPECT_THAT(HttpGet(listener_->port(), "/quick"), StartsWith("HTTP/1.1 200"));
  door_->sink_gate->Open();
}

}  // namespace
}  // namespace mirror::http_ends_test
