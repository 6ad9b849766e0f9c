#ifndef MIRROR_SERVER_STORE_STATE_TOKEN_H_
#define MIRROR_SERVER_STORE_STATE_TOKEN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/mirror_contents.h"
#include "server/store/store_records.h"

// The token that binds an operator's act to the state that its dry run showed. Two reads of the same state
// give the same token, from a snapshot as well as under the writer's lock.

namespace mirror {

/// Payload of kFailedPrecondition: the expected token is not the token of the present state. Nothing was
/// done.
inline constexpr char kStaleTokenPayload[] = "mirror.tenant/stale-token";

/// The part of a mirror's state that a dry run shows and that an act depends on.
struct MirrorState {
  TenantRecord tenant;
  std::vector<TableRecord> records;  ///< Records of all tables, in any order.
  std::vector<Hold> holds;
};
MirrorState StateOf(const MirrorContents& contents);
/// Reads the state. The caller holds the lock. Errors: those of the store.
absl::StatusOr<MirrorState> ReadState(StoreRecords& records, const TenantRecord& tenant);

/// An operator's act. `call` is its name, such as "ResetTable".
struct Act {
  std::string call;
  std::vector<std::string> tables = {};  ///< The tables that it affects, by their stored names; none: all.
  std::string more = {};                 ///< Its other parameters: a path, a number, or the token of another
                                         ///< state.
};

/// Returns 16 hexadecimal digits over the act and the tables that it affects: definition, position, pending
/// position, number of rows. They also cover the holds, the source, the owner and the pause. They do not
/// cover the cycle number and the partner's data: after a cycle without changes the token is the same.
std::string StateToken(const Act& act, const MirrorState& state);

/// The state that an operator expects; empty: any state.
struct Expected {
  std::string token;
  absl::Status Check(const Act& act, const MirrorState& state) const;
};

/// Returns the error that the state has changed since it was shown.
absl::Status StaleToken();
bool IsStaleToken(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STATE_TOKEN_H_
