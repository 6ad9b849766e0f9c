#ifndef MIRROR_PROTO_WIRE_REFUSAL_H_
#define MIRROR_PROTO_WIRE_REFUSAL_H_

#include <string_view>

namespace mirror {

/// Why Authenticate was refused, for programs: payloads of the absl::Status whose names begin so pass the
/// wire under their own names, as metadata behind the call. What they say is in mirror_client.proto.
inline constexpr std::string_view kRefusalPrefix = "mirror-";

/// The endpoint has no mirror of the tenant; its value is the tenant.
inline constexpr char kNoMirrorPayload[] = "mirror-none-of";

/// The token may have been used before, and a new one has not: its value is the unix second from which on
/// tokens are new.
inline constexpr char kNewTokenPayload[] = "mirror-new-token";

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_REFUSAL_H_
