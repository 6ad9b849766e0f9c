#ifndef MIRROR_SERVER_STORE_COUNT_MIRROR_H_
#define MIRROR_SERVER_STORE_COUNT_MIRROR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/mirror_contents.h"
#include "server/store/snapshot.h"
#include "server/store/state_token.h"

// What an operator's acts would do, counted in one snapshot of the mirror. Nothing is written, and whoever
// writes waits for none of it. Rows of partners are counted by a look through the table.
// Errors: those of the snapshot; kCancelled when `go_on` says so.

namespace mirror {

/// Keys that are shown of one table.
inline constexpr std::size_t kShownKeysMax = 20;

/// RestoredTable in mirror_admin.proto.
struct RestoredTable {
  std::int64_t lsn_now = -1, lsn_then = -1;
  std::int64_t rows_now = -1, rows_then = -1;
  bool compared = false;
  std::uint64_t only_now = 0, only_then = 0, different = 0;
  friend bool operator==(const RestoredTable&, const RestoredTable&) = default;
};

/// Consequence in mirror_admin.proto.
struct Consequence {
  std::string table;
  std::int64_t rows = 0;
  std::int64_t partner_rows = 0;
  std::int64_t values = 0;
  std::int64_t versions = 0;
  std::int64_t entries = 0;
  std::vector<std::string> objects = {};
  std::int64_t rows_to_send = 0;
  std::optional<RestoredTable> restored = {};
  std::vector<std::string> keys = {};
  friend bool operator==(const Consequence&, const Consequence&) = default;
};

/// What an operator's call would do, counted at one moment.
struct Consequences {
  std::vector<Consequence> tables;  ///< By name; of what belongs to no table last.
  std::vector<std::string> notes;   ///< Sentences for people, without a full stop.
  std::string token;                ///< See StateToken().
};

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

/// Bytes of rows of one side that are held at once while two moments are compared.
inline constexpr std::size_t kComparedBlockBytes = 4 << 20;

/// What a restore would do: the mirror as it is `now` beside the copy, of `then`. `now` absent: there is no
/// mirror. `quick`: numbers of rows alone; else the rows of each table that both have are compared, key by
/// key, in the columns of one name that both have. A table without a key, or with other keys, is not.
/// `act.more` is to name the copy's state. Errors: those of the snapshots; kCancelled.
absl::StatusOr<Consequences> CountRestored(const CountedMirror* now, const CountedMirror& then,
                                           const Act& act, bool quick,
                                           std::size_t block_bytes = kComparedBlockBytes);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_COUNT_MIRROR_H_
