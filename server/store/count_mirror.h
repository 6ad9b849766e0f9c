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

// Counts what an operator's acts would do, in one snapshot of the mirror. These functions write nothing and
// block no writer. To count the partner's rows they scan the table.
// Errors: those of the snapshot; kCancelled when `go_on` returns false.

namespace mirror {

/// Maximum number of keys that are shown for one table.
inline constexpr std::size_t kShownKeysMax = 20;

/// The same as RestoredTable in mirror_admin.proto.
struct RestoredTable {
  std::int64_t lsn_now = -1, lsn_then = -1;
  std::int64_t rows_now = -1, rows_then = -1;
  bool compared = false;
  std::uint64_t only_now = 0, only_then = 0, different = 0;
  friend bool operator==(const RestoredTable&, const RestoredTable&) = default;
};

/// The same as Consequence in mirror_admin.proto.
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

/// The effects of an operator's call, counted at one moment.
struct Consequences {
  std::vector<Consequence> tables;  ///< Ordered by name. The last entry is for things that belong to no
                                    ///< table.
  std::vector<std::string> notes;   ///< Sentences for people, without a full stop.
  std::string token;                ///< See StateToken().
};

/// One moment of a mirror, and options for reading it.
struct CountedMirror {
  Snapshot& snapshot;
  const MirrorContents& contents;  ///< Of that snapshot.
  bool with_keys = false;
  const GoOn& go_on;
};

/// Counts an invalidation: it keeps all rows, and the source sends all of them again. `act` names the tables,
/// see StateToken().
Consequences CountInvalidated(const CountedMirror& mirror, const Act& act);
/// Counts a reset: it removes the tables and what depends on them. `kept`: a copy of the whole mirror is
/// kept.
absl::StatusOr<Consequences> CountReset(const CountedMirror& mirror, const Act& act, bool kept);
/// Counts a deletion of the whole mirror.
absl::StatusOr<Consequences> CountDeleted(const CountedMirror& mirror, const Act& act);
/// Counts what would be deleted now if an operator commits `hold`.
absl::StatusOr<Consequences> CountCommitted(const CountedMirror& mirror, const Act& act, const Hold& hold);
/// Counts an acceptance: it deletes nothing. The source sends the rows that differ: all rows at most.
Consequences CountAccepted(const CountedMirror& mirror, const Act& act);

/// Returns the keys of the first rows of a table, kShownKeysMax at most.
absl::StatusOr<std::vector<std::string>> FirstKeys(const CountedMirror& mirror, const TableSchema& agreed);

/// Returns one line for people: "table 'a': 3 rows, 1 row of the partner's, index 'i'; table 'b': ...". Names
/// the first tables one by one, and counts the others together.
std::string WordsOf(const Consequences& consequences);

/// Bytes of rows of each side that are in memory at the same time while two moments are compared.
inline constexpr std::size_t kComparedBlockBytes = 4 << 20;

/// Counts a restore: compares the present mirror, `now`, with the copy, `then`. `now` null: there is no
/// mirror. `quick`: compares only numbers of rows. Otherwise compares the rows of each table that both
/// mirrors have, key by key, in the columns that both have by name. Does not compare rows of a table without
/// a key, or with different keys in the two mirrors. `act.more` must contain the state token of the copy.
/// Errors: those of the snapshots; kCancelled.
absl::StatusOr<Consequences> CountRestored(const CountedMirror* now, const CountedMirror& then,
                                           const Act& act, bool quick,
                                           std::size_t block_bytes = kComparedBlockBytes);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_COUNT_MIRROR_H_
