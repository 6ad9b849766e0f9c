#ifndef MIRROR_SERVER_PLAN_CALLER_H_
#define MIRROR_SERVER_PLAN_CALLER_H_

#include <cstdint>
#include <string>

namespace mirror {

/// Who calls, as the gate established it from the token. The context id is the only tenant that the call may
/// touch.
struct Caller {
  std::string context_id;
  std::string issuer;
  std::string environment;
  std::string application_id;
  std::string nonce;
  /// When the token can no longer be used, leeway included; unix milliseconds.
  std::int64_t expires_ms = 0;
  std::int64_t issued_s = 0;  ///< When the token was, as it says; unix seconds.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_CALLER_H_
