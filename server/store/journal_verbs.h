#ifndef MIRROR_SERVER_STORE_JOURNAL_VERBS_H_
#define MIRROR_SERVER_STORE_JOURNAL_VERBS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/key_range.h"
#include "server/journal/journal_entry.h"
#include "server/journal/seen_mark.h"
#include "server/plan/plan.h"
#include "server/store/store_transaction.h"

// Verbs of a StoreTransaction in addition to rows: the journal, and versions of rows. Errors and threads:
// those of StoreTransaction. The first verb that writes creates the tables that it needs.

namespace mirror {

/// Reads and writes `_mirror_journal`.
class JournalVerbs {
 public:
  virtual ~JournalVerbs() = default;

  virtual absl::StatusOr<JournalPlace> ReadPlace(const std::string& table) = 0;
  /// Returns the text of the document of kSeenKind, see server/journal/seen_mark.h.
  /// TenantVerbs::WriteDocuments() writes it. Absent: the journal never recorded the table.
  virtual absl::StatusOr<std::optional<std::string>> ReadSeen(const std::string& table) = 0;
  /// Returns the number of the table's last commit; 0: there is none.
  virtual absl::StatusOr<std::int64_t> FindLastCommit(const std::string& table) = 0;
  /// Appends an entry. Its number is JournalPlace::last + 1.
  virtual absl::Status AddEntry(const JournalEntry& entry) = 0;
  /// Ends the open moment, `moment`. Copies the cycle, the origin and the commit of `by` into the head of the
  /// moment.
  virtual absl::Status CloseMoment(std::int64_t moment, const JournalEntry& by) = 0;
  /// Sets the row count and digest of the table's last commit, if that commit is still at `position`.
  virtual absl::Status NoteDigest(const std::string& table, const Position& position, std::int64_t rows,
                                  const std::string& digest) = 0;
  /// Removes entries up to number `through`, at most `count_max`, but never the last entry. Keeps heads whose
  /// moment is open or whose table has a history. Returns the number of entries that it removed or skipped:
  /// the change feed reports all of them as removed.
  virtual absl::StatusOr<std::int64_t> Trim(std::int64_t through, std::int64_t count_max) = 0;
  /// Removes the row keys from all entries of the table. An entry that named rows now says that all rows have
  /// to be compared.
  virtual absl::Status ForgetKeys(const std::string& table) = 0;
  /// Rewrites the entries that name this key, by WithoutKey(). Returns the number of rewritten entries.
  virtual absl::StatusOr<std::int64_t> EraseKey(const std::string& table, const Key& key) = 0;
};

/// Removes the documents of kSeenKind, which may be copied only together with the journal.
inline void RemoveSeen(std::vector<Document>* documents) {
  std::erase_if(*documents, [](const Document& document) { return document.kind == kSeenKind; });
}

/// Some rows that a population changed in one way.
struct ExchangedKeys {
  JournalOperation operation = JournalOperation::kUpdate;
  std::vector<Column> columns;  ///< The columns of the key.
  std::vector<Key> keys;        ///< At most kExchangedKeysMax.
};
inline constexpr std::size_t kExchangedKeysMax = 10'000;
using TakeKeys = std::function<absl::Status(ExchangedKeys changed)>;

/// Columns that a change in place moved, so that a name now stands for other values than before.
struct MovedColumns {
  std::vector<std::pair<std::string, std::string>> renamed;  ///< Names before and now.
  std::vector<std::string> replaced;  ///< Names of dropped columns that are now names of other columns.
};

/// Closed versions of rows. A closed version is a state that a row had until a moment. The present version is
/// the row itself. Each verb applies to a table with a key, given in its kept form.
class HistoryVerbs {
 public:
  virtual ~HistoryVerbs() = default;

  /// Returns whether versions of the table are kept now.
  virtual absl::StatusOr<bool> IsKept(const std::string& table) = 0;
  /// Returns whether the view of the versions still shows the table for which it was made. False: somebody
  /// renamed the table or one of its columns, or dropped a column. Then the present rows do not follow from
  /// the versions.
  virtual absl::StatusOr<bool> IsAsKept(const std::string& table) = 0;
  /// Begins to keep versions. `known_from`: the first moment as of which the table can be read.
  virtual absl::Status Begin(const TableSchema& kept, std::int64_t known_from) = 0;
  /// Called before a batch is written: stores the present form of the rows that the batch changes, and the
  /// keys that it adds.
  virtual absl::Status KeepOld(const ApplyRows& apply, std::int64_t moment) = 0;
  /// Called after the batch, if KeepOld() could not compare: removes versions of rows that did not change.
  virtual absl::Status ForgetSame(const ApplyRows& apply, std::int64_t moment) = 0;
  /// Called before `shadow` replaces the rows: stores the rows that differ. Calls `take` with their keys.
  virtual absl::Status KeepDifference(const TableSchema& kept, const Shadow& shadow, std::int64_t moment,
                                      const TakeKeys& take) = 0;
  /// Adapts the versions to the table's new definition, `agreed`, which has all columns. Versions keep the
  /// values of dropped columns. They lose the values of columns that are now excluded or kept in another
  /// form. If the key changed, sets the versions aside.
  virtual absl::Status Follow(const TableSchema& agreed, const MovedColumns& moved, std::int64_t now_ms) = 0;
  /// Makes `known_from` the earliest moment as of which the table can be read. Removes at most `count_max` of
  /// the versions that no reader can request any more. Returns how many versions it removed.
  virtual absl::StatusOr<std::int64_t> Cut(const std::string& table, std::int64_t known_from,
                                           std::int64_t count_max) = 0;
  /// Removes the versions of one row. Also removes the digests of the commits during which one of these
  /// versions was the row's state. Returns how many versions it removed.
  virtual absl::StatusOr<std::int64_t> EraseRow(const std::string& table, const Key& key) = 0;
  /// Moves the versions to the place of retired tables. Afterwards the table has no versions.
  virtual absl::Status SetAside(const std::string& table, std::int64_t now_ms) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_JOURNAL_VERBS_H_
