#ifndef MIRROR_SERVER_CONSEQUENCES_COUNT_MIRROR_H_
#define MIRROR_SERVER_CONSEQUENCES_COUNT_MIRROR_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/consequences/consequence.h"
#include "server/consequences/state_token.h"
#include "server/store/mirror_contents.h"
#include "server/store/snapshot.h"

// What an operator's acts would do, counted in one snapshot of the mirror. Nothing is written, and whoever
// writes waits for none of it. Rows of partners are counted by a look through the table.
// Errors: those of the snapshot; kCancelled when `go_on` says so.

namespace mirror {

/// A moment of a mirror, and how it is looked at.
struct CountedMirror {
  Snapshot& snapshot;
  const MirrorContents& contents;  ///< Of that snapshot.
  bool with_keys = false;
  const GoOn& go_on;
};

/// All rows stay, and are sent again. `act`: see StateToken(); its tables are those that are meant.
Consequences CountInvalidated(const CountedMirror& mirror, const Act& act);
/// The tables go, with what hangs on them. `kept`: a copy of the whole mirror is kept beside.
absl::StatusOr<Consequences> CountReset(const CountedMirror& mirror, const Act& act, bool kept);
/// Everything goes.
absl::StatusOr<Consequences> CountDeleted(const CountedMirror& mirror, const Act& act);
/// Rows of `hold` that may go, as of now.
absl::StatusOr<Consequences> CountCommitted(const CountedMirror& mirror, const Act& act, const Hold& hold);
/// Nothing goes; what the source sends depends on what it finds to differ: of each table all rows, at most.
Consequences CountAccepted(const CountedMirror& mirror, const Act& act);

/// Keys of the first rows of a table, kShownKeysMax at most.
absl::StatusOr<std::vector<std::string>> FirstKeys(const CountedMirror& mirror, const TableSchema& agreed);

/// For people, of one line: "table 'a': 3 rows, 1 row of the partner's, index 'i'; table 'b': ...". The
/// tables behind the first of them are counted together.
std::string WordsOf(const Consequences& consequences);

}  // namespace mirror

#endif  // MIRROR_SERVER_CONSEQUENCES_COUNT_MIRROR_H_
