#ifndef MIRROR_SERVER_JOURNAL_EXPLANATION_H_
#define MIRROR_SERVER_JOURNAL_EXPLANATION_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "proto/wire/key_range.h"
#include "server/journal/journal_entry.h"

namespace mirror {

/// The journal entry that wrote a column of a row.
struct ColumnWriter {
  std::string column;
  /// The newest entry that set the column, without its keys. It may be about another row if it names no keys,
  /// or if its keys cannot be compared. Absent: the value is older than the journal.
  std::optional<JournalEntry> entry = std::nullopt;
};

/// Finds, for a row, the journal entry that wrote each of its columns last. Threads: one.
class Explanation {
 public:
  /// `key_columns`: names, in the order of `key`.
  Explanation(const std::vector<std::string>& columns, std::vector<std::string> key_columns, Key key);

  /// Takes the table's entries, newest first. False: each column has its writer, so no more are needed.
  bool Take(const JournalEntry& entry);
  /// Returns the writers in the order of the columns.
  const std::vector<ColumnWriter>& writers() const { return writers_; }

 private:
  /// Whether the entry concerns the row, as far as its keys show.
  enum class Names { kNot, kMaybe, kSurely };
  Names NamesKey(const JournalEntry& entry) const;

  const std::vector<std::string> key_columns_;
  const Key key_;
  std::vector<ColumnWriter> writers_;
  std::size_t open_ = 0;  ///< Columns that have no writer yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_EXPLANATION_H_
