#ifndef MIRROR_BASE_HTTP_METRICS_LISTENER_H_
#define MIRROR_BASE_HTTP_METRICS_LISTENER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// What [metrics] of both configurations says.
struct MetricsConfig {
  bool enabled = false;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;     ///< 0: the system chooses.
  bool allow_remote = false;  ///< Another address than loopback may be given: whoever gets there reads all.
  friend bool operator==(const MetricsConfig&, const MetricsConfig&) = default;
};

/// Serves GET /metrics (the page that `text` gives), GET /healthz ("ok") and GET /ready ("ready", or 503 with
/// the reason) over plain HTTP: no TLS, no password, nothing secret on it but names of tenants.
///
/// Bounded as an HttpListener is: 64 connections with one request each, 8 KB of its line and headers and
/// no body, kMetricsRequestTime for a client to send it and kMetricsAnswerTime to take the answer, of
/// kMetricsThreads that there are at a time. Clients that have sent nothing make room for new ones.
/// Threads: its own; `text` is called by any of them.
class MetricsListener {
 public:
  /// Errors: kUnavailable when the port is taken or there are no threads.
  /// `why_not_ready`: for GET /ready; null: always ready.
  static absl::StatusOr<std::unique_ptr<MetricsListener>> Open(
      const MetricsConfig& config, std::function<std::string()> text,
      const std::function<std::string()>& why_not_ready = nullptr);
  /// Ends when the complete requests have been answered; unfinished ones are dropped.
  ~MetricsListener();
  MetricsListener(const MetricsListener&) = delete;
  MetricsListener& operator=(const MetricsListener&) = delete;

  /// "127.0.0.1:7445"
  const std::string& address() const { return address_; }

 private:
  struct Server;
  MetricsListener(std::unique_ptr<Server> server, std::string address);

  std::unique_ptr<Server> server_;
  std::string address_;
};

inline constexpr int kMetricsThreads = 4;
inline constexpr std::chrono::seconds kMetricsRequestTime{5};
inline constexpr std::chrono::seconds kMetricsAnswerTime{10};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_METRICS_LISTENER_H_
