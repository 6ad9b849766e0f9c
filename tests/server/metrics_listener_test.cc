#include "proto/exposition/metrics_listener.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "proto/exposition/metric_page.h"
#include "tests/support/status_matchers.h"

namespace mirror {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A connection to the listener.
class Connection {
 public:
  explicit Connection(const MetricsListener& listener) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const std::string& address = listener.address();
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1)));
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  }
  ~Connection() { close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// False: the other end is gone.
  bool Send(const std::string& text) {
    return send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }

  std::string Ask(const std::string& text) {
    send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    std::string answer;
    char piece[4096];
    for (ssize_t got = 0; (got = recv(socket_, piece, sizeof(piece), 0)) > 0;) {
      answer.append(piece, static_cast<std::size_t>(got));
    }
    return answer;
  }

 private:
  int socket_;
};

std::string Get(const MetricsListener& listener, const std::string& path) {
  return Connection(listener).Ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

std::unique_ptr<MetricsListener> Open(
    std::function<std::string()> text = [] { return std::string("page\n"); }, std::uint16_t port = 0) {
  auto listener = MetricsListener::Open({.enabled = true, .port = port}, std::move(text));
  EXPECT_THAT(listener, IsOk());
  return listener.ok() ? *std::move(listener) : nullptr;
}

TEST(MetricsListenerTest, AnswersWithThePageAndItsHealth) {
  const auto listener = Open();
  EXPECT_THAT(listener->address(), StartsWith("127.0.0.1:"));
  EXPECT_THAT(Get(*listener, "/metrics"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("version=0.0.4"),
                                                HasSubstr("Connection: close"), HasSubstr("\r\n\r\npage\n")));
  EXPECT_THAT(Get(*listener, "/healthz"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("\r\n\r\nok\n")));
  EXPECT_THAT(Get(*listener, "/"), StartsWith("HTTP/1.1 404"));
}

TEST(MetricsListenerTest, RefusesWhatIsNoSmallGet) {
  const auto listener = Open();
  EXPECT_THAT(Connection(*listener).Ask("POST /metrics HTTP/1.1\r\nContent-Length: 5000\r\n\r\n"),
              testing::Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(Get(*listener, "/" + std::string(20'000, 'x')), testing::Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(Get(*listener, "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST(MetricsListenerTest, APortThatIsTakenIsAnErrorWithWords) {
  const auto first = Open();
  const std::string& address = first->address();
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  EXPECT_THAT(MetricsListener::Open({.enabled = true, .port = port}, [] { return std::string(); }),
              StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr(address), HasSubstr("[metrics]"))));
}

TEST(MetricsListenerTest, APageThatFailsIsAnErrorOfThatCallAlone) {
  const auto listener = Open([]() -> std::string { throw std::bad_alloc(); });
  EXPECT_THAT(Get(*listener, "/metrics"), StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(Get(*listener, "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST(MetricsListenerTest, WhoSaysNothingIsLetGoAndTheNextIsAnswered) {
  const auto listener = Open();
  std::vector<std::unique_ptr<Connection>> silent;
  for (int i = 0; i < 2 * kMetricsThreads + 1; ++i) silent.push_back(std::make_unique<Connection>(*listener));
  EXPECT_THAT(Get(*listener, "/healthz"), StartsWith("HTTP/1.1 200"));
}

/// Sends a byte of a header that never ends, each time within what one read may take.
class Dripping {
 public:
  explicit Dripping(const MetricsListener& listener)
      : connection_(listener), thread_([this](const std::stop_token& stop) {
          connection_.Send("GET /healthz HTTP/1.1\r\nX: ");
          while (!stop.stop_requested() && connection_.Send("x")) std::this_thread::sleep_for(kPause);
        }) {}

 private:
  static constexpr std::chrono::milliseconds kPause{200};
  Connection connection_;
  std::jthread thread_;
};

TEST(MetricsListenerTest, WhoDripsByteByByteIsLetGoAndTheNextIsAnswered) {
  const auto listener = Open();
  std::vector<std::unique_ptr<Dripping>> slow;
  for (int i = 0; i < kMetricsThreads; ++i) slow.push_back(std::make_unique<Dripping>(*listener));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto begin = std::chrono::steady_clock::now();
  auto answer = std::async(std::launch::async, [&] { return Get(*listener, "/healthz"); });
  const bool answered =
      answer.wait_for(kMetricsRequestTime + std::chrono::seconds(10)) == std::future_status::ready;
  slow.clear();
  EXPECT_TRUE(answered) << "only when the others went";
  EXPECT_THAT(answer.get(), StartsWith("HTTP/1.1 200"));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1)) << "no thread was held";
}

TEST(MetricsListenerTest, AStopWaitsForNoRequestThatHasNotCome) {
  auto listener = Open();
  const Dripping slow(*listener);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const auto begin = std::chrono::steady_clock::now();
  listener.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kMetricsRequestTime - std::chrono::seconds(1));
}

TEST(MetricsListenerTest, ManyAtOnceAreAllAnswered) {
  const auto listener = Open();
  std::vector<std::jthread> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 20; ++j) EXPECT_THAT(Get(*listener, "/metrics"), HasSubstr("page"));
    });
  }
}

TEST(MetricPageTest, IsPrometheusTextWithOneHeaderForEachName) {
  MetricPage page;
  page.AddGauge("a_gauge", "First.", {{"tenant", "x\"y\\z\n"}}, 1);
  page.AddCounter("b_total", "Second.", {}, 7);
  page.AddGauge("a_gauge", "First.", {{"tenant", "b"}}, 2.5);
  EXPECT_EQ(page.Text(),
            "# HELP a_gauge First.\n# TYPE a_gauge gauge\na_gauge{tenant=\"x\\\"y\\\\z\\n\"} 1\n"
            "a_gauge{tenant=\"b\"} 2.5\n# HELP b_total Second.\n# TYPE b_total counter\nb_total 7\n");
}

TEST(MetricPageTest, AHistogramCountsWhatIsBelowEachBound) {
  Timings timings;
  timings.Note(std::chrono::milliseconds(1));
  timings.Note(std::chrono::milliseconds(3));
  timings.Note(std::chrono::hours(1));
  MetricPage page;
  page.AddHistogram("h_seconds", "Time.", {{"call", "x"}}, timings);
  EXPECT_THAT(page.Text(), AllOf(HasSubstr("h_seconds_bucket{call=\"x\",le=\"0.0005\"} 0\n"),
                                 HasSubstr("h_seconds_bucket{call=\"x\",le=\"0.001\"} 1\n"),
                                 HasSubstr("h_seconds_bucket{call=\"x\",le=\"0.005\"} 2\n"),
                                 HasSubstr("h_seconds_bucket{call=\"x\",le=\"300\"} 2\n"),
                                 HasSubstr("h_seconds_bucket{call=\"x\",le=\"+Inf\"} 3\n"),
                                 HasSubstr("h_seconds_count{call=\"x\"} 3\n"),
                                 HasSubstr("h_seconds_sum{call=\"x\"} 3600.00")));
}

}  // namespace
}  // namespace mirror
