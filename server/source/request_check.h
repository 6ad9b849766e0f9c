#ifndef MIRROR_SERVER_SOURCE_REQUEST_CHECK_H_
#define MIRROR_SERVER_SOURCE_REQUEST_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mirror/v1/change_batch.pb.h"
#include "mirror/v1/mirror_client.pb.h"
#include "proto/wire/limits.h"
#include "server/plan/comparison.h"
#include "server/plan/heartbeat_plan.h"

namespace mirror {

// Checks of requests that several calls share.

/// Returns the maximum size of one piece of a large value, so that the piece and its surroundings fit into a
/// message.
std::uint32_t PartBytesMax(const WireLimits& limits);

/// Checks a position. `given`: whether the request has one; `what`: its name for the error. Errors:
/// kInvalidArgument.
absl::Status CheckPosition(const std::string& what, bool given, const v1::Position& position);
absl::Status CheckSourceTime(std::int64_t time_ms);

/// Decodes what a source reports at the end of a cycle. Errors: kResourceExhausted, and those of
/// CheckSourceTime().
absl::StatusOr<Completion> DecodeCompletion(const v1::ReplicationCompletedRequest& request,
                                            const WireLimits& limits);
/// Decodes a heartbeat, within its bounds. Errors: kInvalidArgument, kResourceExhausted.
absl::StatusOr<Heartbeat> DecodeHeartbeat(const v1::HeartbeatRequest& request, const WireLimits& limits);

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_REQUEST_CHECK_H_
