#ifndef MIRROR_SERVER_HTTP_JSON_DOOR_H_
#define MIRROR_SERVER_HTTP_JSON_DOOR_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/http/message.h"
#include "server/config/http_config.h"
#include "server/http/api_keys.h"
#include "server/http/http_audit.h"
#include "server/http/http_routes.h"
#include "server/watch/door_counters.h"

namespace mirror {

/// The logic after the HTTP listener: decides which caller this is, its rights, and which call
/// it is, before the body is read. For what a key may not see the calls answer the same bytes
/// as for what does not exist. Threads: as HttpDoor.
class JsonDoor final : public HttpDoor {
 public:
  /// `keys`, `audit` and `counters`, which counts the routes' calls, must outlive it.
  JsonDoor(const HttpConfig& config, ApiKeys& keys, HttpRoutes routes, HttpAudit& audit,
           DoorCounters& counters)
      : config_(config), keys_(keys), routes_(std::move(routes)), audit_(audit), counters_(counters) {}

  /// Opens the door; before that every call is 503.
  void Start() { started_ = true; }
  HttpAdmission Admit(const HttpHead& head) override;
  HttpAnswer Refuse(int status, std::string_view words) const override;
  void NoteAnswer(std::size_t call, int status, std::chrono::nanoseconds took) override {
    counters_.NoteAnswer(call, status, took);
  }
  void NoteNoRoom() override { counters_.Limit(DoorLimit::kBodies); }

 private:
  HttpAdmission AdmitTo(const HttpHead& head, HttpTarget target, HttpRoutes::Match match);
  /// Finds the key that was sent, and takes one of its places for requests; `place` holds that place.
  absl::Status TakeKey(const HttpHead& head, std::shared_ptr<const ApiKey>* key,
                       std::shared_ptr<void>* place);

  const HttpConfig config_;
  ApiKeys& keys_;
  const HttpRoutes routes_;
  HttpAudit& audit_;
  DoorCounters& counters_;
  std::atomic<bool> started_{false};
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_JSON_DOOR_H_
