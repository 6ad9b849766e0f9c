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

// What a Snapshot reads beside the rows as they are. Errors and threads: as there.

namespace mirror {

struct JournalBounds {
  JournalToken floor;  ///< The last entry that was removed; number 0: none was.
  JournalToken last;   ///< Number 0: nothing was ever written.
};

/// A page of the journal.
struct JournalPage {
  std::int64_t after = 0;  ///< Entries with a greater number.
  std::string table = {};  ///< Empty: of all tables.
  std::size_t entries_max = 1'000;
  std::uint64_t bytes_max = 4 << 20;  ///< Of packed keys; one entry is given in any case.
};

/// Commits that are old: done before a time, as all commits before them that were not stamped by a clock
/// ahead of now. So a clock that goes back for a while makes nothing old.
struct OldCommits {
  std::int64_t before_ms = INT64_MIN;
  std::int64_t now_ms = INT64_MAX;
};

/// Which moment of a table is meant: exactly one is set.
struct AsOf {
  std::optional<std::int64_t> moment, lsn, unix_ms;
};

/// `_mirror_journal`. Where nothing was ever noted, it is empty.
class JournalReader {
 public:
  virtual ~JournalReader() = default;

  virtual absl::StatusOr<JournalBounds> ReadBounds() = 0;
  /// Salt of the entry with this number, or of the floor. Absent: there is none.
  virtual absl::StatusOr<std::optional<std::int64_t>> ReadSalt(std::int64_t number) = 0;
  /// In order, without heads. `commit` is that of the entry's moment; absent while that is open.
  virtual absl::StatusOr<std::vector<JournalEntry>> ReadAfter(const JournalPage& page) = 0;
  /// Entries of the table that may name a key, newest first, with their commits, until `take` gives false:
  /// those of any key, and those whose range has `ordered_key`.
  using TakeEntry = std::function<absl::StatusOr<bool>(const JournalEntry& entry)>;
  virtual absl::Status WalkBack(const std::string& table, const std::string& ordered_key,
                                const TakeEntry& take) = 0;
  /// The table's last commit at or before `as_of`. An LSN that passed more than once, as behind a restore of
  /// the source, has several: newest first, and three at most.
  virtual absl::StatusOr<std::vector<JournalEntry>> FindCommits(const std::string& table,
                                                                const AsOf& as_of) = 0;
  /// Commits as of which the table was proven equal to its source's, newest first, until `take` gives false.
  virtual absl::Status WalkProven(const std::string& table, const TakeEntry& take) = 0;
  /// Entries of the table, without heads.
  virtual absl::StatusOr<std::int64_t> CountEntries(const std::string& table) = 0;
  /// The last entry that may go: of an old commit, or behind as many bytes as are kept. 0: none.
  virtual absl::StatusOr<std::int64_t> FindTrim(const OldCommits& old, std::uint64_t bytes_max) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_JOURNAL_READER_H_
