#include "base/http/metrics_listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/embedded_file.h"
#include "base/http/metric_page.h"
#include "tests/support/raw_http.h"
#include "tests/support/status_matchers.h"

namespace mirror::metrics_listener_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string Get(const MetricsListener& listener, const std::string& path) {
  const std::string& address = listener.address();
  return HttpGet(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))), path);
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
  EXPECT_THAT(Get(*listener, "/ready"), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("\r\n\r\nready\n")));
  EXPECT_THAT(Get(*listener, "/"), StartsWith("HTTP/1.1 404"));
}

TEST(MetricsListenerTest, WhoIsNotReadySaysWhy) {
  const auto listener = MetricsListener::Open(
      {.enabled = true}, [] { return std::string("page\n"); },
      [] { return std::string("the clock is wrong"); });
  ASSERT_THAT(listener, IsOk());
  EXPECT_THAT(Get(**listener, "/ready"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("\r\n\r\nthe clock is wrong\n")));
  EXPECT_THAT(Get(**listener, "/healthz"), StartsWith("HTTP/1.1 200"));
}

TEST(MetricsListenerTest, APortThatIsTakenIsAnErrorWithWords) {
  const auto first = Open();
  const std::string& address = first->address();
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  EXPECT_THAT(MetricsListener::Open({.enabled = true, .port = port}, [] { return std::string(); }),
              StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr(address), HasSubstr("[metrics]"))));
}

/// Of the metrics of these tests.
MetricsAbout About() {
  static constexpr char kFile[] = R"([[table]]
name = "test"
rows = [
  { name = "a_gauge", type = "gauge", labels = ["tenant"], text = "first", more = "; see below" },
  { name = "b_total", type = "counter", text = "a [second](page.md) one", help = "second" },
  { name = "h_seconds", type = "histogram", labels = ["call"], text = "time" },
]
)";
  const EmbeddedFile file = {"metrics.toml", kFile, kFile + sizeof(kFile) - 1};
  return DescribedMetrics(&file);
}

TEST(MetricPageTest, IsPrometheusTextWithOneHeaderForEachName) {
  const MetricsAbout about = About();
  MetricPage page(about);
  page.Add("a_gauge", {{"tenant", "x\"y\\z\n"}}, 1);
  page.Add("b_total", {}, 7);
  page.Add("a_gauge", {{"tenant", "b"}}, 2.5);
  EXPECT_EQ(page.Text(),
            "# HELP a_gauge First.\n# TYPE a_gauge gauge\na_gauge{tenant=\"x\\\"y\\\\z\\n\"} 1\n"
            "a_gauge{tenant=\"b\"} 2.5\n# HELP b_total Second.\n# TYPE b_total counter\nb_total 7\n");
}

TEST(MetricPageTest, AHistogramCountsWhatIsBelowEachBound) {
  Timings timings;
  timings.Note(std::chrono::milliseconds(1));
  timings.Note(std::chrono::milliseconds(3));
  timings.Note(std::chrono::hours(1));
  const MetricsAbout about = About();
  MetricPage page(about);
  page.AddHistogram("h_seconds", {{"call", "x"}}, timings);
  EXPECT_THAT(page.Text(), AllOf(HasSubstr("h_seconds_bucket{call=\"x\",le=\"0.0005\"} 0\n"),
                                 HasSubstr("h_seconds_bucket{call=\"x\",le=\"0.001\"} 1\n"),
                                 HasSubstr("h_seconds_bucket{call=\"x\",le=\"0.005\"} 2\n"),
                                 HasSubstr("h_seconds_bucket{call=\"x\",le=\"300\"} 2\n"),
                                 HasSubstr("h_seconds_bucket{call=\"x\",le=\"+Inf\"} 3\n"),
                                 HasSubstr("h_seconds_count{call=\"x\"} 3\n"),
                                 HasSubstr("h_seconds_sum{call=\"x\"} 3600.00")));
}

TEST(MetricPageTest, EveryProcessShowsItself) {
  const MetricsAbout about = About();
  MetricPage page(about);
  page.AddProcess();
  EXPECT_THAT(page.Text(),
              AllOf(HasSubstr("# HELP mirror_build_info Always 1; the label is the version.\n"),
                    HasSubstr("# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ")));
}

}  // namespace
}  // namespace mirror::metrics_listener_test
