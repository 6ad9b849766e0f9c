#ifndef MIRROR_SERVER_RPC_ADMIN_DRY_RUNS_H_
#define MIRROR_SERVER_RPC_ADMIN_DRY_RUNS_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status_macros.h"
#include "mirror/v1/mirror_admin.grpc.pb.h"
#include "server/store/state_token.h"
#include "server/tenant/dry_run.h"

// Destructive calls in their three forms: do it; do it only if nothing changed since a dry run; only count
// what it would do.

namespace mirror {

void EncodeConsequences(const Consequences& counted, v1::Consequences* message);

/// Returns the text that follows the call in the audit log: "", " dry run", " dry run with keys", " as
/// TOKEN".
std::string MeantWords(bool dry_run, bool with_keys, const std::string& expect);
template <typename Request>
std::string MeantWords(const Request& request) {
  return MeantWords(request.dry_run(), request.with_keys(), request.expect());
}

using WouldDo = std::function<absl::StatusOr<Consequences>(const DryRun& how)>;
using DoAct = std::function<absl::Status(const Expected& expected)>;

/// Does the call in the form that `request` asks for. `would` counts; `act` does it. If the state differs
/// from the expected one, the error says what the act would do now.
template <typename Request, typename Response>
absl::Status DoAsMeant(const Request& request, Response* response, GoOn go_on, const WouldDo& would,
                       const DoAct& act) {
  if (request.dry_run() && !request.expect().empty()) {
    return absl::InvalidArgumentError(
        "'expect' is for a call that changes something, and 'dry_run' changes nothing. Nothing was done. "
        "Give only one of them.");
  }
  DryRun how{.with_keys = request.with_keys(), .go_on = std::move(go_on)};
  if (request.dry_run()) {
    ASSIGN_OR_RETURN(const Consequences counted, would(how));
    EncodeConsequences(counted, response->mutable_consequences());
    return absl::OkStatus();
  }
  absl::Status done = act({request.expect()});
  if (!IsStaleToken(done)) return done;
  how.with_keys = false;
  return StaleWords(would(how));
}

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_DRY_RUNS_H_
