#ifndef MIRROR_TOOLS_MIRRORCTL_WEB_WEB_API_H_
#define MIRROR_TOOLS_MIRRORCTL_WEB_WEB_API_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "base/interruption.h"
#include "base/mutex.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/control_config.h"
#include "tools/mirrorctl/web/live_feed.h"
#include "tools/mirrorctl/web/page_json.h"

namespace mirror {

/// Answers the calls of the pages with calls to the endpoint's administration, using the operator's own
/// certificate: the endpoint refuses what that certificate does not allow.
///
///   GET  /api/about, live, minutes, events, audit, keys, servers, storages, jobs, tenants/ID,
///        tenants/ID/minutes, tenants/ID/holds/keys, tenants/ID/history?table&key,
///        tenants/ID/diff?table&from&to, hubs, hubs/STORAGE/duplicates, hubs/STORAGE/held,
///        hubs/STORAGE/refused, hubs/STORAGE/golden?id, hubs/STORAGE/golden?source&table&key
///   POST /api/tenants/ID/pause, resume, verify, invalidate, accept, holds/NUMBER/commit,
///   holds/NUMBER/rollback, /api/hubs/STORAGE/commit, rollback, thaw, resume,
///   merge, part, rebuild
///
/// An error is {"error": a sentence}. Threads: any.
class WebApi {
 public:
  /// `is_operator`: the role of the certificate. `interruption` cancels calls. `feed` and `interruption` must
  /// outlive this.
  WebApi(ControlConfig config, bool is_operator, LiveFeed& feed, const Interruption& interruption)
      : config_(std::move(config)), is_operator_(is_operator), feed_(feed), interruption_(interruption) {}

  /// Answers a call. `target`: its first segment must be "api". `method`: GET or POST. `body`: the body of a
  /// POST.
  HttpAnswer Answer(const std::string& method, const HttpTarget& target, const std::string& body);

 private:
  using Work = std::function<absl::StatusOr<Json>(AdminClient&)>;
  /// Runs `work` with the client that all calls share. If the server does not answer, the client is dropped.
  HttpAnswer Ask(const Work& work) MIRROR_EXCLUDES(mutex_);
  HttpAnswer Get(const HttpTarget& target);
  HttpAnswer Post(const HttpTarget& target, const std::string& body);
  HttpAnswer Live();
  Json About() const;

  const ControlConfig config_;
  const bool is_operator_;
  LiveFeed& feed_;
  const Interruption& interruption_;
  Mutex mutex_;
  std::shared_ptr<AdminClient> client_ MIRROR_GUARDED_BY(mutex_);  ///< Null: open a new one.
};

/// Returns an error as JSON, with the HTTP status for `status`.
HttpAnswer JsonError(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_WEB_WEB_API_H_
