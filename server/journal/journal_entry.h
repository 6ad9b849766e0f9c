#ifndef MIRROR_SERVER_JOURNAL_JOURNAL_ENTRY_H_
#define MIRROR_SERVER_JOURNAL_JOURNAL_ENTRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/lsn.h"

// The journal: what was written to which rows of a mirror, one entry for each batch. Values, no behaviour.

namespace mirror {

/// How far a reader of a journal has come: number and salt of the last entry that he has. Two files with the
/// same number have another salt, so that a restored mirror does not pass for the one before.
struct JournalToken {
  std::int64_t number = 0;  ///< 0: before the first entry that there ever was.
  std::int64_t salt = 0;
  friend bool operator==(const JournalToken&, const JournalToken&) = default;
};

/// "4711.9f86d081884c7d65"; "0" before the first.
std::string ToString(const JournalToken& token);
/// Errors: kInvalidArgument.
absl::StatusOr<JournalToken> ParseJournalToken(std::string_view text);

/// Names of columns as one text, a JSON array that any database reads.
std::string PackColumnList(const std::vector<std::string>& names);
/// Empty for a text that is none.
std::vector<std::string> UnpackColumnList(std::string_view text);

/// What an entry is about. The numbers stand in the mirror.
enum class JournalOperation : std::uint8_t {
  kInsert = 1,
  kUpdate = 2,
  kDelete = 3,
  kHead = 4,       ///< Nothing by itself: what is written until the table's next commit belongs to it.
  kPopulated = 5,  ///< The whole table was sent again.
  kCompare = 6,    ///< Rows may have changed that no entry names, as after a restore: compare all of them.
  kGone = 7,       ///< The table was dropped, reset or set aside.
};
/// "INSERT" and so on.
std::string_view ToString(JournalOperation operation);

/// What a commit of a table says of the moment that it ends.
struct JournalCommit {
  Position position;
  std::uint64_t receipt = 0;                             ///< Its number in the chain; 0: there is none.
  std::optional<std::int64_t> source_ms = std::nullopt;  ///< As of when at the source; absent: not told.
  std::int64_t done_ms = 0;
  std::int64_t row_count = -1;  ///< -1: not known.
  std::string digest = {};      ///< Of the whole table where a comparison proved it equal; else empty.
  friend bool operator==(const JournalCommit&, const JournalCommit&) = default;
};

/// A row of `_mirror_journal`.
struct JournalEntry {
  std::int64_t number = 0;  ///< From 1, without gaps. 0: a new one, which has none yet.
  std::int64_t salt = 0;    ///< Random: tells an entry from that of another file with its number.
  std::string table;
  /// Number of the entry that heads the commit that this belongs to. 0 of a new one: its own.
  std::int64_t moment = 0;
  JournalOperation operation = JournalOperation::kHead;
  std::vector<std::string> columns = {};  ///< Those that were set; empty: all.
  std::uint64_t rows = 0;
  std::string least = {}, most = {};  ///< OrderedKey() of the first key column; empty with `keys`.
  std::string keys = {};              ///< See key_block.h; empty: any row of the table.
  std::int64_t cycle = 0;             ///< 0: none.
  std::uint64_t seq = 0;
  std::string origin = {};  ///< Which door it came through: "cycle", "records", "operator".
  std::optional<JournalCommit> commit = std::nullopt;  ///< Of the entry that heads a commit that is over.
  friend bool operator==(const JournalEntry&, const JournalEntry&) = default;
};

/// Where the journal of a mirror stands, as of one table.
struct JournalPlace {
  std::int64_t last = 0;  ///< Number of the last entry; 0: there never was one.
  std::int64_t open = 0;  ///< The table's moment that no commit has ended; 0: none.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_JOURNAL_ENTRY_H_
