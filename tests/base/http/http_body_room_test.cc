// What bodies may have of the memory before it is their turn.

#include "base/http/body_room.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/http/listener.h"
#include "base/mutex.h"
#include "tests/support/raw_http.h"
#include "tests/support/status_matchers.h"

namespace mirror::http_body_room_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kBound{60};

TEST(HttpBodyRoomTest, OneAskerHasHalfAndAllTogetherHaveAllOfIt) {
  HttpBodyRoom room(100);
  EXPECT_TRUE(room.Take("one", 50));
  EXPECT_FALSE(room.Has("one", 1));
  EXPECT_FALSE(room.Take("one", 1));
  EXPECT_TRUE(room.Take("one", 0));
  EXPECT_TRUE(room.Take("two", 30));
  EXPECT_TRUE(room.Has("three", 20));
  EXPECT_FALSE(room.Has("three", 21));
  room.GiveBack("one", 50);
  EXPECT_TRUE(room.Has("three", 50));
  EXPECT_FALSE(room.Has("three", 51)) << "it is no more than half";
  EXPECT_TRUE(room.Take("one", 50)) << "what was given back";
}

/// Takes bodies of 40 bytes for "x-asker"; "/held" is answered once the door is open.
class RoomDoor final : public HttpDoor {
 public:
  HttpAdmission Admit(const HttpHead& head) override {
    HttpAdmission admission;
    admission.body_bytes_max = 40;
    if (const std::string* const asker = head.Find(HttpFieldName::kApiKey)) admission.asker = *asker;
    admission.answer = [this](const HttpHead& asked, const std::string& body) {
      const MutexLock lock(mutex_);
      ++came_;
      changed_.NotifyAll();
      while (asked.path == "/held" && !is_open_) changed_.Wait(mutex_);
      return HttpAnswer{200, "text/plain", body};
    };
    return admission;
  }
  void NoteNoRoom() override { ++refused; }
  void Open() {
    const MutexLock lock(mutex_);
    is_open_ = true;
    changed_.NotifyAll();
  }
  void AwaitOne() {
    const MutexLock lock(mutex_);
    while (came_ == 0) changed_.Wait(mutex_);
  }

  std::atomic<int> refused = 0;

 private:
  Mutex mutex_;
  CondVar changed_;
  bool is_open_ MIRROR_GUARDED_BY(mutex_) = false;
  int came_ MIRROR_GUARDED_BY(mutex_) = 0;
};

const std::string kBody(30, 'b');

/// With a length, or in chunks.
std::string Post(const std::string& path, const std::string& asker, bool in_chunks = false) {
  const std::string begin =
      absl::StrCat("POST ", path, " HTTP/1.1\r\nHost: x\r\nX-API-KEY: ", asker, "\r\nConnection: close\r\n");
  if (in_chunks)
    return absl::StrCat(begin, "Transfer-Encoding: chunked\r\n\r\n1e\r\n", kBody, "\r\n0\r\n\r\n");
  return absl::StrCat(begin, "Content-Length: ", kBody.size(), "\r\n\r\n", kBody);
}

class BodyRoomOfListenerTest : public testing::Test {
 protected:
  BodyRoomOfListenerTest() {
    auto opened = HttpListener::Open("127.0.0.1", 0, door_,
                                     {.answers_of_one_max = 1, .bodies_bytes_max = 100, .keep_alive = true});
    EXPECT_THAT(opened, IsOk());
    listener_ = *std::move(opened);
  }
  std::string Ask(const std::string& request) { return RawHttp(listener_->port()).Ask(request); }
  /// Asks until there is no room: what was sent before may be on its way.
  std::string AskUntilRefused(const std::string& request) {
    const auto until = Clock::now() + kBound;
    std::string answer;
    do {
      answer = Ask(request);
    } while (!answer.starts_with("HTTP/1.1 503") && Clock::now() < until);
    return answer;
  }

  const std::shared_ptr<RoomDoor> door_ = std::make_shared<RoomDoor>();
  std::unique_ptr<HttpListener> listener_;
};

TEST_F(BodyRoomOfListenerTest, WhatIsNotWholeHasItsShareAndLeavesTheOthersTheirs) {
  RawHttp unfinished(listener_->port());
  const std::string request = Post("/", "one");
  ASSERT_TRUE(unfinished.Send(request.substr(0, request.size() - 1)));
  for (const bool in_chunks : {false, true}) {
    EXPECT_THAT(AskUntilRefused(Post("/", "one", in_chunks)),
                AllOf(HasSubstr("Connection: close"), HasSubstr("Nothing was done")));
    EXPECT_THAT(Ask(Post("/", "two", in_chunks)), StartsWith("HTTP/1.1 200"));
  }
  EXPECT_GE(door_->refused, 2);
  EXPECT_THAT(unfinished.Ask("b"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr(kBody)));
  EXPECT_THAT(Ask(Post("/", "one")), StartsWith("HTTP/1.1 200")) << "the room was given back";
}

TEST_F(BodyRoomOfListenerTest, WhatWaitsForItsTurnHasRoomAndWhatHasItHasNone) {
  RawHttp answered(listener_->port()), waiting(listener_->port());
  ASSERT_TRUE(answered.Send(Post("/held", "one")));
  door_->AwaitOne();
  ASSERT_TRUE(waiting.Send(Post("/held", "one")));
  RawHttp third(listener_->port());
  EXPECT_THAT(AskUntilRefused(Post("/", "one", /*in_chunks=*/true)), StartsWith("HTTP/1.1 503"));
  door_->Open();
  EXPECT_THAT(answered.Receive(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(waiting.Receive(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(Ask(Post("/", "one")), StartsWith("HTTP/1.1 200"));
}

TEST_F(BodyRoomOfListenerTest, WhoLeavesGivesItBack) {
  {
    RawHttp unfinished(listener_->port());
    const std::string request = Post("/", "one");
    ASSERT_TRUE(unfinished.Send(request.substr(0, request.size() - 1)));
    AskUntilRefused(Post("/", "one"));
  }
  const auto until = Clock::now() + kBound;
  std::string answer;
  do {
    answer = Ask(Post("/", "one"));
  } while (!answer.starts_with("HTTP/1.1 200") && Clock::now() < until);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
}

}  // namespace
}  // namespace mirror::http_body_room_test
