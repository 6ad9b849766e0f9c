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
  std::uint16_t port = 0;     ///< 0: the system chooses.
  bool allow_remote = false;  ///< Allows other addresses than loopback: all who reach it can read everything.
  friend bool operator==(const MetricsConfig&, const MetricsConfig&) = default;
};

/// Serves GET /metrics (the page that `text` returns), GET /healthz ("ok") and GET /ready ("ready", or 503
/// with the reason) over plain HTTP: no TLS, no password; the only sensitive content are names of tenants.
///
/// Limits are those of HttpListener: 64 connections with one request each, 8 KB for its line and headers and
/// no body, kMetricsRequestTime for a client to send it and kMetricsAnswerTime to read the answer. At most
/// kMetricsThreads answers are made at a time. Clients without a request make room for new ones. Runs threads
/// of its own; each of them may call `text` and `why_not_ready`.
class MetricsListener {
 public:
  /// Errors: kUnavailable if the port is in use or there are no threads.
  /// `why_not_ready`: for GET /ready; null: always ready.
  static absl::StatusOr<std::unique_ptr<MetricsListener>> Open(
      const MetricsConfig& config, std::function<std::string()> text,
      const std::function<std::string()>& why_not_ready = nullptr);
  /// Ends when the complete requests have been answered; incomplete ones are dropped.
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
