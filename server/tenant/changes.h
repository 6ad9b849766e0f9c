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

// Reads the changes of a mirror page by page, over one snapshot. Errors besides
// those that are named: the snapshot's. Threads: those of the snapshot.

namespace mirror {

inline constexpr std::size_t kChangesPerPageMax = 1'000;
/// Bytes of packed keys in a page; a single entry may exceed it. As text they take up to 25 times as much.
inline constexpr std::size_t kChangeKeysBytesMax = 256 << 10;

/// A journal entry with its keys unpacked.
struct Change {
  JournalEntry entry;  ///< Without its packed keys.
  /// Absent: the entry may mean any row of the table. Also absent
  /// if the keys are damaged: then the operation is COMPARE.
  std::optional<KeyBlock> keys;
};

struct AskedChanges {
  std::string since = {};  ///< A token; "now": after the last entry; empty: everything that is kept.
  std::string table = {};  ///< Empty: of all tables.
  std::size_t count_max = kChangesPerPageMax;
};

struct ChangesPage {
  std::vector<Change> changes;
  std::string next;       ///< Token after the last of `changes`.
  bool complete = false;  ///< There are no more entries now.
};

/// Returns whole entries in order. `rules`: of the tenant; null: it has no journal. Errors:
/// kInvalidArgument: not a token. kOutOfRange: the journal no longer reaches back to the token, or
/// the token is of another file, as from before a restore; TokenToGoOn() says where to continue.
/// kNotFound, kFailedPrecondition: no such table, or no journal for it: a reader would wait for ever.
absl::StatusOr<ChangesPage> ReadChanges(Snapshot& snapshot, const AskedChanges& asked,
                                        const JournalRules* rules);

/// Errors: kFailedPrecondition: the table has no journal, and how to get one. `rules`: as above.
absl::Status CheckHasJournal(const JournalRules* rules, const std::string& table);

/// `status`: an error of ReadChanges(). A reader compares all rows after it, then continues from this token.
std::optional<std::string> TokenToGoOn(const absl::Status& status);

/// Appends an entry as a JSON object. Without `with_keys` the keys are null, as if any row were meant.
void AppendChangeJson(const Change& change, bool with_keys, std::string* json);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_CHANGES_H_
