#include "server/door_look.h"

#include <utility>

#include "base/status_macros.h"
#include "certs/apikeys/api_key.h"

namespace mirror {

absl::StatusOr<HttpDoorSeen> LookAtHttpDoor(HttpService* http, const HttpConfig& config, bool with_keys) {
  HttpDoorSeen seen;
  if (http != nullptr) {
    seen.url = http->url();
    if (!with_keys) return seen;
    ApiKeys::Seen keys = http->Keys();
    seen.keys = std::move(keys.keys);
    seen.used_ms = std::move(keys.used_ms);
    seen.left_out = std::move(keys.left_out);
    return seen;
  }
  if (!with_keys) return seen;
  ASSIGN_OR_RETURN(FoundApiKeys found, ReadApiKeys(config.api_keys));
  seen.keys = std::move(found.keys);
  seen.left_out = std::move(found.left_out);
  return seen;
}

}  // namespace mirror
