#ifndef MIRROR_SERVER_STORE_STATE_TOKEN_H_
#define MIRROR_SERVER_STORE_STATE_TOKEN_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/mirror_contents.h"
#include "server/store/store_records.h"

// The token that binds an act to the state that its dry run showed. Two reads of one state give the same
// token, whether they come from a snapshot or under the writer's lock.

namespace mirror {

/// On kFailedPrecondition: the expected token is not that of the present state. Nothing was done.
inline constexpr char kStaleTokenPayload[] = "mirror.tenant/stale-token";

/// The state of a mirror that an act shows and depends on.
struct MirrorState {
  TenantRecord tenant;
  std::vector<TableRecord> records;  ///< Records of all tables, in any order.
  std::vector<Hold> holds;
};
MirrorState StateOf(const MirrorContents& contents);
/// Reads the state under the lock that the caller holds. Errors: those of the store.
absl::StatusOr<MirrorState> ReadState(StoreRecords& records, const TenantRecord& tenant);

/// An operator's act; `call` is its name, such as "ResetTable".
struct Act {
  std::string call;
  std::vector<std::string> tables = {};  ///< The tables that it concerns, as they are stored; none: all.
  std::string more = {};                 ///< Its other parameters: a path, a number, another state's token.
};

/// Returns 16 hexadecimal digits over the act and over the tables that it concerns: definition, position,
/// pending position, number of rows; also the holds, the source, the owner, the pause. It covers neither the
/// cycle number nor the partner's data: a cycle without changes leaves the token the same.
std::string StateToken(const Act& act, const MirrorState& state);

/// The state that an act expects; empty: any state.
struct Expected {
  std::string token;
  absl::Status Check(const Act& act, const MirrorState& state) const;
};

/// Returns the error that the state is not the one that was shown.
absl::Status StaleToken();
bool IsStaleToken(const absl::Status& status);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STATE_TOKEN_H_
