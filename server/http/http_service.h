#ifndef MIRROR_SERVER_HTTP_HTTP_SERVICE_H_
#define MIRROR_SERVER_HTTP_HTTP_SERVICE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/http_config.h"
#include "server/http/api_keys.h"
#include "server/http/http_audit.h"
#include "server/jobs/job_servers.h"
#include "server/storages/storages.h"
#include "server/tenant/tenants.h"
#include "server/watch/door_counters.h"
#include "server/watch/events.h"

namespace mirror {

/// The door for JSON as one object: its listener, keys, calls, and its periodic work.
/// Threads: one at a time, except the listener's own, and where a call says
/// otherwise; any for url(), Keys() and Reload().
class HttpService {
 public:
  /// Takes the port; every call is 503 before Start(). `audit`, `look`: see HttpAudit. All references must
  /// outlive it. `servers`: null: no other server has the same mirrors. Keys that cannot be read are
  /// reported, and count as none: everything else starts all the same. Errors: kUnavailable: the port;
  /// kFailedPrecondition, kNotFound, kPermissionDenied: the certificate.
  static absl::StatusOr<std::unique_ptr<HttpService>> Open(const HttpConfig& config, Tenants& tenants,
                                                           Storages& storages, HttpAudit::Write audit,
                                                           HttpAudit::Write look, Events& events,
                                                           JobServers* servers = nullptr);
  ~HttpService();

  void Start();
  /// Answers requests that came completely, and accepts no more. Its state can still be read.
  void Stop();
  /// Returns "https://127.0.0.1:7447".
  const std::string& url() const;
  /// Returns the beginning of its links, by which other servers name it; empty: there are no
  /// others, and links begin with the address of each call.
  const std::string& own_url() const;
  /// Reads keys and certificate again; what cannot be read stays as it was, and is
  /// reported. Errors: that of the first failure.
  absl::Status Reload();
  ApiKeys::Seen Keys();
  /// May be called after Stop(), too. Threads: any.
  DoorFigures Figures();
  /// Called once in a while: takes replaced keys and certificates, writes the audit log's sums.
  void KeepHouse(std::int64_t now_ms);

 private:
  struct Parts;
  explicit HttpService(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_SERVICE_H_
