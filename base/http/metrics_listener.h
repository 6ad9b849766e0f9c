#ifndef MIRROR_BASE_HTTP_METRICS_LISTENER_H_
#define MIRROR_BASE_HTTP_METRICS_LISTENER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// The section [metrics] of both configurations.
struct MetricsConfig {
  bool enabled = false;
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  ///< 0: the system chooses.
  /// Allows other addresses than loopback. Everybody who reaches such an address can read all metrics.
  bool allow_remote = false;
  friend bool operator==(const MetricsConfig&, const MetricsConfig&) = default;
};

/// Serves GET /metrics (the page that `text` returns), GET /healthz ("ok") and GET /ready ("ready", or 503
/// with the reason) over plain HTTP: there is no TLS and no password. The only sensitive content are names of
/// tenants.
///
/// Limits, applied by HttpListener: 64 connections with one request each; 8 KB for a request's line and
/// headers, and no body; kMetricsRequestTime for a client to send its request, and kMetricsAnswerTime to read
/// the answer. At most kMetricsThreads answers are made at a time. If all connections are in use, a
/// connection without a request is closed for a new one. Threads: its own; each of them may call `text` and
/// `why_not_ready`.
class MetricsListener {
 public:
  /// Begins to listen. `why_not_ready` returns the reason for GET /ready; null: always ready. Errors:
  /// kUnavailable: the port is in use, or no thread can be started.
  static absl::StatusOr<std::unique_ptr<MetricsListener>> Open(
      const MetricsConfig& config, std::function<std::string()> text,
      const std::function<std::string()>& why_not_ready = nullptr);
  /// Stops when the complete requests are answered. Incomplete requests are dropped.
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
