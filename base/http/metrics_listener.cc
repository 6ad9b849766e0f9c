#include "base/http/metrics_listener.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/http/listener.h"
#include "base/http/lookers_door.h"
#include "base/http/metric_page.h"
#include "base/mutex.h"

namespace mirror {

struct MetricsListener::Server {
  explicit Server(std::unique_ptr<HttpListener> opened) : http(std::move(opened)) {}
  const std::unique_ptr<HttpListener> http;
};

namespace {

/// Makes one page for all requests that wait for one, so that many requests at once do not cost a page each.
class SharedPage {
 public:
  explicit SharedPage(std::function<std::string()> make) : make_(std::move(make)) {}

  std::string MadeSince(std::chrono::steady_clock::time_point came) {
    const MutexLock lock(mutex_);
    if (begun_ < came) {
      const auto begun = std::chrono::steady_clock::now();
      text_ = make_();
      begun_ = begun;
    }
    return text_;
  }

 private:
  const std::function<std::string()> make_;
  Mutex mutex_;
  std::string text_ MIRROR_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point begun_ MIRROR_GUARDED_BY(mutex_) =
      std::chrono::steady_clock::time_point::min();
};

class MetricsDoor : public ReadOnlyDoor {
 public:
  MetricsDoor(std::function<std::string()> text, std::function<std::string()> why_not_ready)
      : page_(std::move(text)), why_not_ready_(std::move(why_not_ready)) {}

 private:
  HttpAnswer Answer(const HttpHead& head) override {
    if (head.path == "/metrics") return {200, MetricPage::ContentType(), page_.MadeSince(head.came)};
    if (head.path == "/healthz") return {200, "text/plain", "ok\n"};
    if (head.path == "/ready") {
      const std::string why = why_not_ready_ ? why_not_ready_() : "";
      return why.empty() ? HttpAnswer{200, "text/plain", "ready\n"}
                         : HttpAnswer{503, "text/plain", absl::StrCat(why, "\n")};
    }
    return {404, "text/plain", "This port has /metrics, /healthz and /ready.\n"};
  }

  SharedPage page_;
  const std::function<std::string()> why_not_ready_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsListener>> MetricsListener::Open(
    const MetricsConfig& config, std::function<std::string()> text,
    const std::function<std::string()>& why_not_ready) {
  HttpLimits limits;
  limits.answers_max = kMetricsThreads;
  limits.request_time = kMetricsRequestTime;
  limits.answer_time = kMetricsAnswerTime;
  absl::StatusOr<std::unique_ptr<HttpListener>> http = HttpListener::Open(
      config.address, config.port, std::make_shared<MetricsDoor>(std::move(text), why_not_ready), limits);
  if (!http.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the metrics cannot listen on ", config.address, ":", config.port, ": ",
                     std::string(http.status().message()),
                     ". Set another 'port' or 'address' in [metrics], or 'enabled' to false"));
  }
  const bool v6 = config.address.find(':') != std::string::npos;
  std::string address = absl::StrCat(v6 ? "[" : "", config.address, v6 ? "]" : "", ":", (*http)->port());
  return std::unique_ptr<MetricsListener>(
      new MetricsListener(std::make_unique<Server>(*std::move(http)), std::move(address)));
}

MetricsListener::MetricsListener(std::unique_ptr<Server> server, std::string address)
    : server_(std::move(server)), address_(std::move(address)) {}

MetricsListener::~MetricsListener() = default;

}  // namespace mirror
