#ifndef MIRROR_SERVER_HTTP_HTTP_SERVICE_H_
#define MIRROR_SERVER_HTTP_HTTP_SERVICE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

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

/// The door for JSON as one object: its listener, keys, calls, and what has to be done for it from time to
/// time. Threads: one at a time, but the listener's own, and where it says otherwise; any for url(), Keys()
/// and Reload().
class HttpService {
 public:
  /// Takes the port; every call is 503 before Start(). `audit`, `look`: see HttpAudit. What it is given
  /// outlives it. `servers`: null: no other one has the same mirrors. Keys that cannot be read are told, and
  /// are none: what has nothing to do with them starts all the same. Errors: kUnavailable: the port;
  /// kFailedPrecondition, kNotFound, kPermissionDenied: the certificate.
  static absl::StatusOr<std::unique_ptr<HttpService>> Open(const HttpConfig& config, Tenants& tenants,
                                                           Storages& storages, HttpAudit::Write audit,
                                                           HttpAudit::Write look, Events& events,
                                                           JobServers* servers = nullptr);
  ~HttpService();

  void Start();
  /// Answers what was asked completely, and takes nothing more. What it knows can be asked still.
  void Stop();
  /// "https://127.0.0.1:7447"
  const std::string& url() const;
  /// What its links begin with, and by which other servers name it; empty: there are none, and it is what
  /// each call was sent to.
  const std::string& own_url() const;
  /// Keys and certificate are read again; what cannot be read stays as it was, and is told. Errors: that of
  /// the first one.
  absl::Status Reload();
  ApiKeys::Seen Keys();
  /// Also behind Stop(). Threads: any.
  DoorFigures Figures();
  /// Once in a while: takes keys and a certificate that were replaced, writes the audit log's sums.
  void KeepHouse(std::int64_t now_ms);

 private:
  struct Parts;
  explicit HttpService(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_SERVICE_H_
