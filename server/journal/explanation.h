#ifndef MIRROR_SERVER_JOURNAL_EXPLANATION_H_
#define MIRROR_SERVER_JOURNAL_EXPLANATION_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "proto/wire/key_range.h"
#include "server/journal/journal_entry.h"

namespace mirror {

/// Whose value a column of a row has.
struct ColumnWriter {
  std::string column;
  /// The newest entry that set it, without its keys. One that names no keys, or whose keys cannot be told,
  /// may have. Absent: the value is older than the journal.
  std::optional<JournalEntry> entry = std::nullopt;
};

/// Finds out for a row which entry of the journal wrote each of its columns last. Threads: one.
class Explanation {
 public:
  /// `key_columns`: names, in the order of `key`.
  Explanation(const std::vector<std::string>& columns, std::vector<std::string> key_columns, Key key);

  /// Takes the table's entries, the newest first. False: all that there is to know is known.
  bool Take(const JournalEntry& entry);
  /// In the order of the columns.
  const std::vector<ColumnWriter>& writers() const { return writers_; }

 private:
  /// Whether the entry is about the row, as far as can be told.
  enum class Names { kNot, kMaybe, kSurely };
  Names NamesKey(const JournalEntry& entry) const;

  const std::vector<std::string> key_columns_;
  const Key key_;
  std::vector<ColumnWriter> writers_;
  std::size_t open_ = 0;  ///< Columns that have no writer yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOURNAL_EXPLANATION_H_
