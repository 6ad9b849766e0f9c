#ifndef MIRROR_SERVER_STORE_JOURNAL_READER_H_
#define MIRROR_SERVER_STORE_JOURNAL_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"
#include "server/journal/journal_entry.h"

// Data that a Snapshot reads in addition to the present rows. Errors and threads: those of Snapshot.

namespace mirror {

struct JournalBounds {
  JournalToken floor;  ///< The last entry that was removed; number 0: none was removed.
  JournalToken last;   ///< Number 0: nothing was ever written.
};

/// A page of the journal.
struct JournalPage {
  std::int64_t after = 0;  ///< Returns only entries with a greater number.
  std::string table = {};  ///< Empty: returns entries of all tables.
  std::size_t entries_max = 1'000;
  std::uint64_t bytes_max = 4 << 20;  ///< Maximum bytes of packed keys. At least one entry is returned.
};

/// Selects old commits: commits that were done before a time, and all commits before those. Ignores commits
/// whose time is later than now. So if a clock is wrong for a while and then goes back, no commit becomes old
/// by that.
struct OldCommits {
  std::int64_t before_ms = INT64_MIN;
  std::int64_t now_ms = INT64_MAX;
};

/// A moment of a table. Exactly one member is set.
struct AsOf {
  std::optional<std::int64_t> moment, lsn, unix_ms;
};

/// Reads `_mirror_journal`. Returns empty results if nothing was ever written to it.
class JournalReader {
 public:
  virtual ~JournalReader() = default;

  virtual absl::StatusOr<JournalBounds> ReadBounds() = 0;
  /// Returns the salt of the entry with this number, or of the floor if it has this number. Absent: there is
  /// no such entry.
  virtual absl::StatusOr<std::optional<std::int64_t>> ReadSalt(std::int64_t number) = 0;
  /// Returns entries in order, without heads. `commit` is the commit that ended the entry's moment; absent
  /// while the moment is open.
  virtual absl::StatusOr<std::vector<JournalEntry>> ReadAfter(const JournalPage& page) = 0;
  /// Calls `take` for the entries of the table that may name a key: those without a key range, and those
  /// whose range includes `ordered_key`. Passes them newest first, with their commits, until `take` returns
  /// false.
  using TakeEntry = std::function<absl::StatusOr<bool>(const JournalEntry& entry)>;
  virtual absl::Status WalkBack(const std::string& table, const std::string& ordered_key,
                                const TakeEntry& take) = 0;
  /// Returns the table's last commit at or before `as_of`. An LSN may occur more than once, for example after
  /// a restore of the source. Then returns up to three commits, newest first.
  virtual absl::StatusOr<std::vector<JournalEntry>> FindCommits(const std::string& table,
                                                                const AsOf& as_of) = 0;
  /// Calls `take` for commits at which the table was proven equal to the source's, newest first, until it
  /// returns false.
  virtual absl::Status WalkProven(const std::string& table, const TakeEntry& take) = 0;
  /// Returns the number of the table's entries, without heads.
  virtual absl::StatusOr<std::int64_t> CountEntries(const std::string& table) = 0;
  /// Returns the number of the last entry that may be removed because its commit is old, or because newer
  /// entries have about `bytes_max`. 0: none.
  virtual absl::StatusOr<std::int64_t> FindTrim(const OldCommits& old, std::uint64_t bytes_max) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_JOURNAL_READER_H_
