#include "proto/exposition/metrics_listener.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/http/listener.h"
#include "proto/exposition/metric_page.h"

namespace mirror {

struct MetricsListener::Server {
  std::unique_ptr<HttpListener> http;
};

absl::StatusOr<std::unique_ptr<MetricsListener>> MetricsListener::Open(const MetricsConfig& config,
                                                                       std::function<std::string()> text) {
  const auto answer = [text = std::move(text)](const HttpRequest& request) -> HttpAnswer {
    if (request.path == "/metrics") return {200, MetricPage::ContentType(), text()};
    if (request.path == "/healthz") return {200, "text/plain", "ok\n"};
    return {404, "text/plain", "There are /metrics and /healthz.\n"};
  };
  HttpLimits limits;
  limits.answers_max = kMetricsThreads;
  limits.request_time = kMetricsRequestTime;
  limits.answer_time = kMetricsAnswerTime;
  absl::StatusOr<std::unique_ptr<HttpListener>> http =
      HttpListener::Open(config.address, config.port, answer, limits);
  if (!http.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the metrics cannot listen on ", config.address, ":", config.port, ": ",
                     std::string(http.status().message()),
                     ". Set 'port' or 'address' of [metrics], or 'enabled' to false"));
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
