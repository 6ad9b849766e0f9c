#ifndef MIRROR_SERVER_PLAN_CALLER_H_
#define MIRROR_SERVER_PLAN_CALLER_H_

#include <cstdint>
#include <string>

namespace mirror {

/// The caller of an RPC, as the gate read it from the token. The call may access only the tenant with this
/// context id.
struct Caller {
  std::string context_id;
  std::string issuer;
  std::string environment;
  std::string application_id;
  std::string nonce;
  /// The time after which the token, with leeway, has expired; unix milliseconds.
  std::int64_t expires_ms = 0;
  std::int64_t issued_s = 0;  ///< Issue time, as the token states it; unix seconds.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_CALLER_H_
