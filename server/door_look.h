#ifndef MIRROR_SERVER_DOOR_LOOK_H_
#define MIRROR_SERVER_DOOR_LOOK_H_

#include "absl/status/statusor.h"
#include "server/config/http_config.h"
#include "server/http/http_service.h"
#include "server/rpc/admin/admin_records.h"

namespace mirror {

/// What operators see of the door for JSON. `http`: null: it is off, and its keys are read where `config`
/// says that they are. Errors: those of ReadApiKeys(). Threads: any.
absl::StatusOr<HttpDoorSeen> LookAtHttpDoor(HttpService* http, const HttpConfig& config, bool with_keys);

}  // namespace mirror

#endif  // MIRROR_SERVER_DOOR_LOOK_H_
