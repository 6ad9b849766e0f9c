#ifndef MIRROR_SERVER_RPC_REQUEST_CHECK_H_
#define MIRROR_SERVER_RPC_REQUEST_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "mirror/v1/change_batch.pb.h"
#include "proto/wire/limits.h"

namespace mirror {

// What requests of several calls are checked for.

/// Of one piece of a large value: it has to fit into a message with what surrounds it.
std::uint32_t PartBytesMax(const WireLimits& limits);

/// Errors: kInvalidArgument. `what` names the position there.
absl::Status CheckPosition(const std::string& what, bool given, const v1::Position& position);
absl::Status CheckSourceTime(std::int64_t time_ms);

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_REQUEST_CHECK_H_
