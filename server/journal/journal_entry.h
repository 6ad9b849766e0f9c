#ifndef MIRROR_SERVER_JOURNAL_JOURNAL_ENTRY_H_
#define MIRROR_SERVER_JOURNAL_JOURNAL_ENTRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/lsn.h"

// The journal: which rows of a mirror were written, with one entry for each batch. Values, no behaviour.

namespace mirror {

/// A reader's position in a journal: number and salt of the last entry that the reader has. Entries of two
/// files with the same number have different salts. So a restored mirror can be distinguished from the mirror
/// before it.
struct JournalToken {
  std::int64_t number = 0;  ///< 0: before the very first entry.
  std::int64_t salt = 0;
  friend bool operator==(const JournalToken&, const JournalToken&) = default;
};

/// Returns "4711.9f86d081884c7d65"; "0" before the first entry.
std::string ToString(const JournalToken& token);
/// Reads such a text. Errors: kInvalidArgument.
absl::StatusOr<JournalToken> ParseJournalToken(std::string_view text);

/// Packs names of columns as one text: a JSON array, which any database reads.
std::string PackColumnList(const std::vector<std::string>& names);
/// Returns the names; empty for a text that is no such array.
std::vector<std::string> UnpackColumnList(std::string_view text);

/// The kind of an entry. The numbers are stored in the mirror.
enum class JournalOperation : std::uint8_t {
  kInsert = 1,
  kUpdate = 2,
  kDelete = 3,
  kHead = 4,       ///< Not a write: the head of the entries until the table's next commit.
  kPopulated = 5,  ///< The whole table was sent again.
  kCompare = 6,    ///< Rows may have changed without an entry, as after a restore. Readers have to compare
                   ///< all rows.
  kGone = 7,       ///< The table was dropped, reset or set aside.
};
/// Returns "INSERT" and so on.
std::string_view ToString(JournalOperation operation);

/// Values that a table's commit adds to the head of the moment that it ends.
struct JournalCommit {
  Position position;
  std::uint64_t receipt = 0;                             ///< Its number in the chain; 0: there is none.
  std::optional<std::int64_t> source_ms = std::nullopt;  ///< Time at the source; absent: unknown.
  std::int64_t done_ms = 0;
  std::int64_t row_count = -1;  ///< -1: not known.
  std::string digest = {};      ///< Of the whole table if a comparison proved it equal; else empty.
  friend bool operator==(const JournalCommit&, const JournalCommit&) = default;
};

/// A row of `_mirror_journal`.
struct JournalEntry {
  std::int64_t number = 0;  ///< From 1, without gaps. 0: a new entry without a number.
  std::int64_t salt = 0;    ///< Random; distinguishes it from an entry of another file with the same number.
  std::string table;
  /// Number of the entry that is the head of this entry's commit. 0 in a new entry that is the head itself.
  std::int64_t moment = 0;
  JournalOperation operation = JournalOperation::kHead;
  std::vector<std::string> columns = {};  ///< The columns that were set; empty: all.
  std::uint64_t rows = 0;
  std::string least = {}, most = {};  ///< OrderedKey() of the first key column; empty if `keys` is.
  std::string keys = {};              ///< See key_block.h; empty: any row of the table.
  std::int64_t cycle = 0;             ///< 0: none.
  std::uint64_t seq = 0;
  std::string origin = {};  ///< The door that it came through: "cycle", "records", "operator".
  std::optional<JournalCommit> commit = std::nullopt;  ///< Set in the head of a commit that has ended.
  friend bool operator==(const JournalEntry&, const JournalEntry&) = default;
};

/// The state of a mirror's journal, as seen by one table.
struct JournalPlace {
  std::int64_t last = 0;  ///< Number of the last entry; 0: there never was one.
  std::int64_t open = 0;  ///< The table's moment without a commit yet; 0: none.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_JOURNAL_ENTRY_H_
