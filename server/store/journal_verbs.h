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

// Verbs of a StoreTransaction beside its rows: the journal, and versions of rows. Errors and threads:
// as there. The first verb that writes creates the tables that it needs.

namespace mirror {

/// Reads and writes `_mirror_journal`.
class JournalVerbs {
 public:
  virtual ~JournalVerbs() = default;

  virtual absl::StatusOr<JournalPlace> ReadPlace(const std::string& table) = 0;
  /// Returns the text of the document of kSeenKind, see server/journal/seen_mark.h. Absent: the journal never
  /// saw the table. TenantVerbs::WriteDocuments() writes it.
  virtual absl::StatusOr<std::optional<std::string>> ReadSeen(const std::string& table) = 0;
  /// Returns the number of the table's last commit; 0: there is none.
  virtual absl::StatusOr<std::int64_t> FindLastCommit(const std::string& table) = 0;
  /// Appends an entry. Its number is JournalPlace::last + 1.
  virtual absl::Status AddEntry(const JournalEntry& entry) = 0;
  /// Ends the open moment. The cycle and origin of its head, and its commit, are set from `by`.
  virtual absl::Status CloseMoment(std::int64_t moment, const JournalEntry& by) = 0;
  /// Sets count and digest of the table's last commit, if that commit is still at `position`.
  virtual absl::Status NoteDigest(const std::string& table, const Position& position, std::int64_t rows,
                                  const std::string& digest) = 0;
  /// Removes entries up to number `through`, `count_max` at most, never the last. Keeps heads that are open
  /// or whose table has a history. Returns how many entries it passed: the change feed calls them gone.
  virtual absl::StatusOr<std::int64_t> Trim(std::int64_t through, std::int64_t count_max) = 0;
  /// Makes all entries of the table name no row: those that did now say that all rows are to be compared.
  virtual absl::Status ForgetKeys(const std::string& table) = 0;
  /// Rewrites the entries that name this key, by WithoutKey(). Returns how many.
  virtual absl::StatusOr<std::int64_t> EraseKey(const std::string& table, const Key& key) = 0;
};

/// Removes the documents of kSeenKind, which are copied only together with the journal.
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

/// How a change in place moved columns, so that a name now stands for other values than before.
struct MovedColumns {
  std::vector<std::pair<std::string, std::string>> renamed;  ///< Names before and now.
  std::vector<std::string> replaced;  ///< Names of dropped columns that are now names of other columns.
};

/// Closed versions of rows: each was a row's state until a moment. The present version is the row itself.
/// Each verb concerns a table with a key, in its kept form.
class HistoryVerbs {
 public:
  virtual ~HistoryVerbs() = default;

  /// Returns whether versions of the table are kept now.
  virtual absl::StatusOr<bool> IsKept(const std::string& table) = 0;
  /// Returns whether the view of the versions still shows the table that it was made for. Where somebody
  /// renamed the table or a column of it, or dropped a column, the rows do not follow from the versions.
  virtual absl::StatusOr<bool> IsAsKept(const std::string& table) = 0;
  /// Begins to keep versions. `known_from`: the first moment as of which the table can be read.
  virtual absl::Status Begin(const TableSchema& kept, std::int64_t known_from) = 0;
  /// Before a batch is written: keeps the rows that it changes, as they are, and the keys that it adds.
  virtual absl::Status KeepOld(const ApplyRows& apply, std::int64_t moment) = 0;
  /// After the batch: removes versions of rows that did not change. Called if KeepOld() could not compare.
  virtual absl::Status ForgetSame(const ApplyRows& apply, std::int64_t moment) = 0;
  /// Before `shadow` replaces the rows: keeps those that differ. `take` gets their keys.
  virtual absl::Status KeepDifference(const TableSchema& kept, const Shadow& shadow, std::int64_t moment,
                                      const TakeKeys& take) = 0;
  /// Adapts the versions to the table's new definition, `agreed`, which is whole. Versions keep the values of
  /// dropped columns. They lose values of columns that are now excluded or kept in another form. With another
  /// key the versions are set aside.
  virtual absl::Status Follow(const TableSchema& agreed, const MovedColumns& moved, std::int64_t now_ms) = 0;
  /// Makes `known_from` the earliest moment as of which the table can be read. Removes versions that no
  /// reader can ask for any more, `count_max` at most. Returns how many were removed.
  virtual absl::StatusOr<std::int64_t> Cut(const std::string& table, std::int64_t known_from,
                                           std::int64_t count_max) = 0;
  /// Removes the versions of one row, and the digests of commits at which one of them was the row's state.
  /// Returns how many versions were removed.
  virtual absl::StatusOr<std::int64_t> EraseRow(const std::string& table, const Key& key) = 0;
  /// Moves the versions to where retired tables go; afterwards the table has none.
  virtual absl::Status SetAside(const std::string& table, std::int64_t now_ms) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_JOURNAL_VERBS_H_
