#ifndef MIRROR_SERVER_PLAN_CALLER_H_
#define MIRROR_SERVER_PLAN_CALLER_H_

#include <cstdint>
#include <string>

namespace mirror {

/// The caller, as the gate determined it from the token. The call may access the tenant with this
/// context id only.
struct Caller {
  std::string context_id;
  std::string issuer;
  std::string environment;
  std::string application_id;
  std::string nonce;
  /// The time from which the token is not accepted, with leeway; unix milliseconds.
  std::int64_t expires_ms = 0;
  std::int64_t issued_s = 0;  ///< Issue time of the token, by its own text; unix seconds.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_CALLER_H_
