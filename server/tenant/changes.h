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

// Reads the changes of a mirror page by page, in one snapshot. Every call can also fail with the snapshot's
// errors. Threads: those of the snapshot.

namespace mirror {

inline constexpr std::size_t kChangesPerPageMax = 1'000;
/// Maximum bytes of packed keys in a page; a single entry may exceed it. As text, keys take up to 25 times as
/// much.
inline constexpr std::size_t kChangeKeysBytesMax = 256 << 10;

/// A journal entry with its keys unpacked.
struct Change {
  JournalEntry entry;  ///< Without its packed keys.
  /// Absent: the entry may concern any row of the table. Also absent if the keys are damaged; then the
  /// operation is COMPARE.
  std::optional<KeyBlock> keys;
};

struct AskedChanges {
  std::string since = {};  ///< A token; "now": only entries after the last one; empty: all entries that are
                           ///< kept.
  std::string table = {};  ///< Empty: all tables.
  std::size_t count_max = kChangesPerPageMax;
};

struct ChangesPage {
  std::vector<Change> changes;
  std::string next;       ///< Token after the last of `changes`.
  bool complete = false;  ///< There is no further entry at present.
};

/// Returns whole entries in order. `rules`: the tenant's; null: it has no journal. Errors: kInvalidArgument:
/// `since` is not a token. kOutOfRange: the journal no longer reaches back to the token, or the token belongs
/// to another file, for example one from before a restore. TokenToGoOn() returns where to continue.
/// kNotFound: there is no such table. kFailedPrecondition: the table has no journal, so that a reader would
/// wait for ever.
absl::StatusOr<ChangesPage> ReadChanges(Snapshot& snapshot, const AskedChanges& asked,
                                        const JournalRules* rules);

/// Checks that the table has a journal. `rules`: see ReadChanges(). Errors: kFailedPrecondition: it has none;
/// the message says how to get one.
absl::Status CheckHasJournal(const JournalRules* rules, const std::string& table);

/// Returns the token from which to continue after `status`, an error of ReadChanges(). The reader first
/// compares all rows.
std::optional<std::string> TokenToGoOn(const absl::Status& status);

/// Appends an entry to `json` as a JSON object. Without `with_keys` the keys are null, as for an entry that
/// concerns any row.
void AppendChangeJson(const Change& change, bool with_keys, std::string* json);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_CHANGES_H_
