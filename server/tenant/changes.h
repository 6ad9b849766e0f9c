#ifndef MIRROR_SERVER_TENANT_CHANGES_H_
#define MIRROR_SERVER_TENANT_CHANGES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/journal/journal_entry.h"
#include "server/journal/journal_rules.h"
#include "server/journal/key_block.h"
#include "server/store/snapshot.h"

// What was written to a mirror, read page by page over one snapshot. Errors beside those that are named: the
// snapshot's. Threads: those of the snapshot.

namespace mirror {

inline constexpr std::size_t kChangesPerPageMax = 1'000;
/// Of packed keys in a page, one entry aside: as text they are up to 25 times as much.
inline constexpr std::size_t kChangeKeysBytesMax = 256 << 10;

/// An entry of the journal with its keys taken apart.
struct Change {
  JournalEntry entry;  ///< Without its packed keys.
  /// Absent: any row of the table may be meant. So it is, too, where the keys are damaged: the operation is
  /// COMPARE then.
  std::optional<KeyBlock> keys;
};

struct AskedChanges {
  std::string since = {};  ///< A token; "now": behind the last one; empty: all that are kept.
  std::string table = {};  ///< Empty: of all tables.
  std::size_t count_max = kChangesPerPageMax;
};

struct ChangesPage {
  std::vector<Change> changes;
  std::string next;       ///< Token behind the last of them.
  bool complete = false;  ///< There is nothing more now.
};

/// Whole entries in order. `rules`: of the tenant; null: it has no journal. Errors: kInvalidArgument: the
/// token is none. kOutOfRange: the journal does not go back to it, or it is of another file, as before a
/// restore; TokenToGoOn() has where to go on then. kNotFound, kFailedPrecondition: there is no such table, or
/// no journal of it: whoever waits for its changes would wait for ever.
absl::StatusOr<ChangesPage> ReadChanges(Snapshot& snapshot, const AskedChanges& asked,
                                        const JournalRules* rules);

/// kFailedPrecondition: no journal is kept of the table; how it gets one. `rules`: as above.
absl::Status CheckHasJournal(const JournalRules* rules, const std::string& table);

/// Of an error of ReadChanges(): whoever has compared all rows since it came goes on behind this token.
std::optional<std::string> TokenToGoOn(const absl::Status& status);

/// One entry as a JSON object. `with_keys`: else they are null, as if any row were meant.
void AppendChangeJson(const Change& change, bool with_keys, std::string* json);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_CHANGES_H_
