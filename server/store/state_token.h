#ifndef MIRROR_SERVER_STORE_STATE_TOKEN_H_
#define MIRROR_SERVER_STORE_STATE_TOKEN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/mirror_contents.h"
#include "server/store/store_records.h"

// The token by which an act is bound to what its dry run showed. Two readings of one state give the same
// token, whether they come from a snapshot or under the writer's lock.

namespace mirror {

/// On kFailedPrecondition: the token that was expected is not that of the state. Nothing was done.
inline constexpr char kStaleTokenPayload[] = "mirror.tenant/stale-token";

/// What an act says and rests on.
struct MirrorState {
  TenantRecord tenant;
  std::vector<TableRecord> records;  ///< Of all tables, in any order.
  std::vector<Hold> holds;
};
MirrorState StateOf(const MirrorContents& contents);
/// Under the lock of whoever asks. Errors: those of the store.
absl::StatusOr<MirrorState> ReadState(StoreRecords& records, const TenantRecord& tenant);

/// Which act is meant, as "ResetTable".
struct Act {
  std::string call;
  std::vector<std::string> tables = {};  ///< Those that it is about, as they are stored; none: all.
  std::string more = {};                 ///< What else it says: a path, a number, another state's token.
};

/// 16 hexadecimal digits over the act's own words, and of the tables that it is about: definition, position,
/// what is pending, number of rows; the holds, the source, the owner, the pause. Not the number of the cycle,
/// nor what a partner wrote: a cycle without changes leaves it as it is.
std::string StateToken(const Act& act, const MirrorState& state);

/// What an act is asked to rest on; empty: on any state.
struct Expected {
  std::string token;
  absl::Status Check(const Act& act, const MirrorState& state) const;
};

/// The state is not the one that was shown.
absl::Status StaleToken();
bool IsStaleToken(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STATE_TOKEN_H_
