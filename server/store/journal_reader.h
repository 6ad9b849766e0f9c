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

// Data that a Snapshot reads beside the present rows. Errors and threads: as there.

namespace mirror {

struct JournalBounds {
  JournalToken floor;  ///< The last entry that was removed; number 0: none was.
  JournalToken last;   ///< Number 0: nothing was ever written.
};

/// A page of the journal.
struct JournalPage {
  std::int64_t after = 0;  ///< Entries with a greater number.
  std::string table = {};  ///< Empty: entries of all tables.
  std::size_t entries_max = 1'000;
  std::uint64_t bytes_max = 4 << 20;  ///< Maximum of packed keys; one entry is returned in any case.
};

/// Selects old commits: those done before a time, and all earlier ones, except commits stamped by a clock
/// ahead of now. So a clock that goes back for a while makes no commit old.
struct OldCommits {
  std::int64_t before_ms = INT64_MIN;
  std::int64_t now_ms = INT64_MAX;
};

/// Names a moment of a table: exactly one member is set.
struct AsOf {
  std::optional<std::int64_t> moment, lsn, unix_ms;
};

/// Reads `_mirror_journal`. It is empty if nothing was ever noted.
class JournalReader {
 public:
  virtual ~JournalReader() = default;

  virtual absl::StatusOr<JournalBounds> ReadBounds() = 0;
  /// Returns the salt of the entry with this number, or of the floor. Absent: there is no such entry.
  virtual absl::StatusOr<std::optional<std::int64_t>> ReadSalt(std::int64_t number) = 0;
  /// Returns entries in order, without heads. `commit`: that of the entry's moment; absent while it is open.
  virtual absl::StatusOr<std::vector<JournalEntry>> ReadAfter(const JournalPage& page) = 0;
  /// Calls `take` for entries of the table that may name a key: those of any key, and those whose range has
  /// `ordered_key`. Newest first, with their commits, until `take` returns false.
  using TakeEntry = std::function<absl::StatusOr<bool>(const JournalEntry& entry)>;
  virtual absl::Status WalkBack(const std::string& table, const std::string& ordered_key,
                                const TakeEntry& take) = 0;
  /// Returns the table's last commit at or before `as_of`. An LSN may occur more than once, as after a
  /// restore of the source: then it returns the newest first, and three at most.
  virtual absl::StatusOr<std::vector<JournalEntry>> FindCommits(const std::string& table,
                                                                const AsOf& as_of) = 0;
  /// Visits commits at which the table was proven equal to its source's, newest first, until `take` says no.
  virtual absl::Status WalkProven(const std::string& table, const TakeEntry& take) = 0;
  /// Returns the number of the table's entries, without heads.
  virtual absl::StatusOr<std::int64_t> CountEntries(const std::string& table) = 0;
  /// Returns the last entry that may be removed: one of an old commit, or beyond `bytes_max`. 0: none.
  virtual absl::StatusOr<std::int64_t> FindTrim(const OldCommits& old, std::uint64_t bytes_max) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_JOURNAL_READER_H_
