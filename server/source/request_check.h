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

namespace mirror {

// What requests of several calls are checked for.

/// Of one piece of a large value: it has to fit into a message with what surrounds it.
std::uint32_t PartBytesMax(const WireLimits& limits);

/// Errors: kInvalidArgument. `what` names the position there.
absl::Status CheckPosition(const std::string& what, bool given, const v1::Position& position);
absl::Status CheckSourceTime(std::int64_t time_ms);

/// What a source says at the end of its cycle. Errors: kResourceExhausted, and those of CheckSourceTime().
absl::StatusOr<Completion> DecodeCompletion(const v1::ReplicationCompletedRequest& request,
                                            const WireLimits& limits);

}  // namespace mirror

#endif  // MIRROR_SERVER_SOURCE_REQUEST_CHECK_H_
