// What a door gets of a request's body, and how its answers reach the client, over real sockets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/http/listener.h"
#include "tests/support/raw_http.h"
#include "tests/support/status_matchers.h"

namespace mirror::http_messages_test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::uint64_t kBodyMax = 100'000;

std::size_t CountOf(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++count;
  return count;
}

/// Adds up what it is given, and fails when it is told to.
class CountingSink : public HttpBodySink {
 public:
  explicit CountingSink(std::atomic<std::uint64_t>* bytes) : bytes_(*bytes) {}
  absl::Status Write(std::string_view piece) override {
    bytes_ += piece.size();
    return piece.find("full") == std::string_view::npos
               ? absl::OkStatus()
               : absl::ResourceExhaustedError("there are as many as there may be");
  }

 private:
  std::atomic<std::uint64_t>& bytes_;
};

/// "0", "1" and so on, each with blanks.
class CountingSource : public HttpBodySource {
 public:
  CountingSource(int pieces, std::size_t bytes, bool fails) : pieces_(pieces), bytes_(bytes), fails_(fails) {}
  absl::StatusOr<bool> Next(std::string* piece) override {
    if (next_ == pieces_) return fails_ ? absl::StatusOr<bool>(absl::DataLossError("lost")) : false;
    *piece = absl::StrCat(next_++, std::string(bytes_, ' '));
    return true;
  }

 private:
  const int pieces_;
  const std::size_t bytes_;
  const bool fails_;
  int next_ = 0;
};

class EchoDoor : public HttpDoor {
 public:
  HttpAdmission Admit(const HttpHead& head) override {
    if (head.path == "/refused") return {Refuse(401, "Who are you?")};
    HttpAdmission admission;
    admission.body_bytes_max = kBodyMax;
    if (head.path == "/sink") {
      admission.body_bytes_max = 100'000'000;
      admission.sink = std::make_unique<CountingSink>(&sunk);
    }
    admission.answer = [this](const HttpHead& asked, std::string body) {
      return Answer(asked, std::move(body));
    };
    return admission;
  }

  std::atomic<std::uint64_t> sunk = 0;

 private:
  HttpAnswer Answer(const HttpHead& head, std::string body) {
    if (head.path == "/sink") return {200, "text/plain", absl::StrCat(sunk.load())};
    if (head.path == "/none") return {204, "", ""};
    HttpAnswer answer{200, "text/plain",
                      absl::StrCat(head.method, " ", head.path, " ", head.query, " ", body)};
    if (head.path == "/stream") answer.stream = std::make_unique<CountingSource>(3, 2, false);
    if (head.path == "/cut") answer.stream = std::make_unique<CountingSource>(3, 2, true);
    if (head.path == "/large") answer.stream = std::make_unique<CountingSource>(1'000'000, 100'000, false);
    return answer;
  }
};

class HttpMessagesTest : public testing::Test {
 protected:
  void SetUp() override {
    limits_.keep_alive = true;
    Open();
  }
  void Open() {
    auto opened = HttpListener::Open("127.0.0.1", 0, door_, limits_);
    ASSERT_THAT(opened, IsOk());
    listener_ = *std::move(opened);
  }
  /// With "Connection: close", so that the answer's end is seen.
  std::string Ask(const std::string& line, const std::string& fields = "", const std::string& body = "") {
    return RawHttp(listener_->port())
        .Ask(absl::StrCat(line, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", fields, "\r\n", body));
  }

  HttpLimits limits_;
  const std::shared_ptr<EchoDoor> door_ = std::make_shared<EchoDoor>();
  std::unique_ptr<HttpListener> listener_;
};

TEST_F(HttpMessagesTest, BodiesComeWholeHoweverTheyAreSent) {
  EXPECT_THAT(Ask("POST /a?b=c", "Content-Length: 5\r\n", "hello"), EndsWith("\r\n\r\nPOST /a b=c hello"));
  EXPECT_THAT(Ask("PUT /a", "Transfer-Encoding: chunked\r\n", "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n"),
              EndsWith("\r\n\r\nPUT /a  hello"));
  EXPECT_THAT(Ask("POST /a", "Content-Length: 0\r\n"), EndsWith("\r\n\r\nPOST /a  "));
  EXPECT_THAT(Ask("DELETE /none"), AllOf(StartsWith("HTTP/1.1 204"), Not(HasSubstr("Content-Length"))));
  const std::string most(kBodyMax, 'x');
  EXPECT_THAT(Ask("POST /a", absl::StrCat("Content-Length: ", kBodyMax, "\r\n"), most),
              EndsWith("POST /a  " + most));
}

TEST_F(HttpMessagesTest, LongerBodiesThanAreAdmittedAreRefused) {
  EXPECT_THAT(Ask("POST /a", absl::StrCat("Content-Length: ", kBodyMax + 1, "\r\n")),
              AllOf(StartsWith("HTTP/1.1 413"), HasSubstr("longer than 100000 bytes")));
  EXPECT_THAT(Ask("POST /a", "Transfer-Encoding: chunked\r\n",
                  absl::StrCat("186A0\r\n", std::string(kBodyMax, 'x'), "\r\n1\r\nx\r\n0\r\n\r\n")),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(Ask("POST /a", "Transfer-Encoding: chunked\r\n", "zz\r\n"), StartsWith("HTTP/1.1 400"));
}

TEST_F(HttpMessagesTest, OneConnectionTakesManyRequests) {
  EXPECT_THAT(
      RawHttp(listener_->port())
          .Ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: "
               "2\r\n\r\nhiGET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
      AllOf(HasSubstr("GET /a  HTTP/1.1 200"), HasSubstr("POST /b  hiHTTP/1.1 200"), EndsWith("GET /c  ")));
}

TEST_F(HttpMessagesTest, WhatIsNotReadIsNoNextRequest) {
  const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string length = absl::StrCat("Content-Length: ", hidden.size(), "\r\n");
  struct Case {
    std::string request, want;
  };
  for (const auto& [request, want] : std::vector<Case>{
           {"POST /refused HTTP/1.1\r\nHost: x\r\n" + length, "401"},
           {"POST /a HTTP/1.1\r\nHost: x\r\n" + length + length, "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n" + length, "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" + length, "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\n" + length + "Transfer-Encoding: chunked\r\n", "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n", "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n", "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "400"},
           {"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n" + length, "415"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nExpect: more\r\n" + length, "417"},
           {"POST /a HTTP/1.1\r\n" + length, "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n" + length, "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n", "400"},
           {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n", "400"},
           {"POST /a HTTP/1.1\r\nHost : x\r\n" + length, "400"},
           {"POST http://x/a HTTP/1.1\r\nHost: x\r\n" + length, "400"},
           {"POST ?a HTTP/1.1\r\nHost: x\r\n" + length, "400"},
           {"POST /a HTTP/2.0\r\nHost: x\r\n" + length, "400"},
       }) {
    const std::string answer = RawHttp(listener_->port()).Ask(request + "\r\n" + hidden);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + want)) << request;
    EXPECT_EQ(CountOf(answer, "HTTP/1.1 "), 1U) << request << answer;
    EXPECT_THAT(answer, Not(HasSubstr("hidden"))) << request;
  }
}

TEST_F(HttpMessagesTest, ALengthIsOneNumber) {
  for (const std::string length : {"4,4", "4, 4", "4,", ",4", "4 4", "", "+4", "0x4"}) {
    EXPECT_THAT(Ask("POST /a", absl::StrCat("Content-Length: ", length, "\r\n"), "abcd"),
                AllOf(StartsWith("HTTP/1.1 400"), Not(HasSubstr("POST /a"))))
        << length;
  }
}

TEST_F(HttpMessagesTest, AFieldThatIsReadStandsOnce) {
  for (const HttpField& field : kHttpFields) {
    const std::string name(field.shown);
    const std::string two = absl::StrCat(name, ": first\r\n", absl::AsciiStrToLower(name), ": second\r\n");
    const std::string answer = Ask("POST /a", two);
    if (field.may_repeat) {
      EXPECT_THAT(answer, StartsWith("HTTP/1.1 200")) << name;
    } else {
      EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 400"), Not(HasSubstr("POST /a")))) << name;
    }
  }
  EXPECT_THAT(Ask("POST /a", "X-API-KEY: first\r\nx-api-key: first\r\n"),
              HasSubstr("A request has one X-API-KEY."));
  EXPECT_THAT(Ask("GET /a", "X-Other: a\r\nX-Other: b\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpMessagesTest, ChunkExtensionsAreBounded) {
  const auto ask = [this](const std::string& chunks) {
    return Ask("POST /a", "Transfer-Encoding: chunked\r\n", chunks + "0\r\n\r\n");
  };
  const std::string most = absl::StrCat("1;", std::string(1'000, 'a'), "\r\nx\r\n");
  EXPECT_THAT(ask(most), EndsWith("POST /a  x"));
  EXPECT_THAT(ask(most + most), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask(absl::StrCat("1;", std::string(60'000, 'a'), "\r\nx\r\n")), StartsWith("HTTP/1.1 400"));
  std::string many;
  for (int i = 0; i < 2'000; ++i) many += "1;a\r\nx\r\n";
  EXPECT_THAT(ask(many), StartsWith("HTTP/1.1 400"));
  // The next request of a connection has extensions of its own.
  const std::string request =
      absl::StrCat("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", most, "0\r\n\r\n");
  EXPECT_THAT(
      RawHttp(listener_->port())
          .Ask(absl::StrCat(request, request, "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
      EndsWith("GET /last  "));
}

TEST_F(HttpMessagesTest, WhoAsksFirstIsToldToGoOn) {
  EXPECT_THAT(Ask("POST /a", "Content-Length: 5\r\nExpect: 100-continue\r\n", "hello"),
              AllOf(StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"), EndsWith("hello")));
  EXPECT_THAT(Ask("POST /refused", "Content-Length: 5\r\nExpect: 100-continue\r\n"),
              StartsWith("HTTP/1.1 401"));
}

TEST_F(HttpMessagesTest, ASinkTakesMoreThanFitsIntoMemory) {
  const std::string body(30'000'000, 'x');
  EXPECT_THAT(Ask("PUT /sink", absl::StrCat("Content-Length: ", body.size(), "\r\n"), body),
              EndsWith("\r\n\r\n30000000"));
  EXPECT_THAT(Ask("PUT /sink", "Content-Length: 4\r\n", "full"),
              AllOf(StartsWith("HTTP/1.1 429"), HasSubstr("there are as many as there may be")));
}

TEST_F(HttpMessagesTest, AStreamThatIsCutIsNoWholeOne) {
  EXPECT_THAT(Ask("GET /stream"), AllOf(HasSubstr("Transfer-Encoding: chunked"),
                                        EndsWith("\r\n\r\n3\r\n0  \r\n3\r\n1  \r\n3\r\n2  \r\n0\r\n\r\n")));
  EXPECT_THAT(Ask("GET /cut"), EndsWith("\r\n3\r\n2  \r\n"));
  EXPECT_THAT(Ask("HEAD /stream"), AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\n")));
  EXPECT_THAT(RawHttp(listener_->port()).Ask("GET /stream HTTP/1.0\r\n\r\n"),
              AllOf(Not(HasSubstr("chunked")), EndsWith("\r\n\r\n0  1  2  ")));
  EXPECT_THAT(RawHttp(listener_->port())
                  .Ask("GET /stream HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\nConnection: "
                       "close\r\n\r\n"),
              AllOf(HasSubstr("0\r\n\r\nHTTP/1.1 200"), EndsWith("GET /a  ")));
}

TEST_F(HttpMessagesTest, WhoTakesAStreamSlowlyKeepsNobodyWaiting) {
  limits_.answer_time = std::chrono::seconds(60);
  Open();
  std::vector<std::unique_ptr<RawHttp>> slow;
  for (std::size_t i = 0; i < 3 * limits_.answers_max; ++i) {
    slow.push_back(std::make_unique<RawHttp>(listener_->port()));
    ASSERT_TRUE(slow.back()->Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  EXPECT_THAT(Ask("GET /a"), StartsWith("HTTP/1.1 200"));
  // A stop cuts them.
  slow.clear();
  const auto begin = std::chrono::steady_clock::now();
  RawHttp reading(listener_->port());
  ASSERT_TRUE(reading.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  std::thread reader([&reading] { EXPECT_THAT(reading.Receive(), Not(EndsWith("\r\n0\r\n\r\n"))); });
  listener_.reset();
  reader.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, limits_.answer_time);
}

TEST_F(HttpMessagesTest, WhoSendsABodyTooSlowlyIsLetGo) {
  limits_.body_time = std::chrono::seconds(1);
  Open();
  RawHttp connection(listener_->port());
  ASSERT_TRUE(connection.Send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhel"));
  EXPECT_THAT(connection.Receive(), StartsWith("HTTP/1.1 408"));
  limits_.idle_time = std::chrono::seconds(1);
  Open();
  RawHttp idle(listener_->port());
  EXPECT_THAT(idle.Ask("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), EndsWith("GET /a  ")) << "let go behind it";
}

}  // namespace
}  // namespace mirror::http_messages_test
