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

// Verbs of a StoreTransaction beside its rows: the journal, and versions of rows. Errors and threads: as
// there. What they write into is made by the first one that writes.

namespace mirror {

/// `_mirror_journal`.
class JournalVerbs {
 public:
  virtual ~JournalVerbs() = default;

  virtual absl::StatusOr<JournalPlace> ReadPlace(const std::string& table) = 0;
  /// Text of the document of kSeenKind, see server/journal/seen_mark.h. Absent: the journal never saw the
  /// table. TenantVerbs::WriteDocuments() writes it.
  virtual absl::StatusOr<std::optional<std::string>> ReadSeen(const std::string& table) = 0;
  /// Number of the table's last commit; 0: there is none.
  virtual absl::StatusOr<std::int64_t> FindLastCommit(const std::string& table) = 0;
  /// Its number is JournalPlace::last + 1.
  virtual absl::Status AddEntry(const JournalEntry& entry) = 0;
  /// The open moment ends with this. `by`: whose cycle and origin its head has from now on, and its commit.
  virtual absl::Status CloseMoment(std::int64_t moment, const JournalEntry& by) = 0;
  /// Count and digest of the table's last commit, where that is still its position.
  virtual absl::Status NoteDigest(const std::string& table, const Position& position, std::int64_t rows,
                                  const std::string& digest) = 0;
  /// Removes entries up to this number, so many at most and never the last one. Heads of commits stay where
  /// they are open or their table has a history. Gives how many it passed, which changes call gone.
  virtual absl::StatusOr<std::int64_t> Trim(std::int64_t through, std::int64_t count_max) = 0;
  /// No entry of the table names a row any more: those that did say that all rows are to be compared.
  virtual absl::Status ForgetKeys(const std::string& table) = 0;
  /// Entries that name this key are written again as WithoutKey() has them. Gives how many.
  virtual absl::StatusOr<std::int64_t> EraseKey(const std::string& table, const Key& key) = 0;
};

/// Removes the documents of kSeenKind: they do not go where the journal does not go.
inline void RemoveSeen(std::vector<Document>* documents) {
  std::erase_if(*documents, [](const Document& document) { return document.kind == kSeenKind; });
}

/// What an exchange of all rows did to some of them.
struct ExchangedKeys {
  JournalOperation operation = JournalOperation::kUpdate;
  std::vector<Column> columns;  ///< Of the key.
  std::vector<Key> keys;        ///< At most kExchangedKeysMax.
};
inline constexpr std::size_t kExchangedKeysMax = 10'000;
using TakeKeys = std::function<absl::Status(ExchangedKeys changed)>;

/// What a change in place did to columns whose former values are another column's by their names.
struct MovedColumns {
  std::vector<std::pair<std::string, std::string>> renamed;  ///< Names before and now.
  std::vector<std::string> replaced;  ///< Names of columns that went, and of others now.
};

/// Closed versions of rows: what stood until a moment. The present version is the row itself. Every verb is
/// about a table with a key, in its kept form.
class HistoryVerbs {
 public:
  virtual ~HistoryVerbs() = default;

  /// Whether versions of the table are kept by now.
  virtual absl::StatusOr<bool> IsKept(const std::string& table) = 0;
  /// Returns whether the view of the versions still shows the table that it was made for. Where somebody
  /// renamed the table or a column of it, or dropped a column, the rows do not follow from the versions.
  virtual absl::StatusOr<bool> IsAsKept(const std::string& table) = 0;
  /// From now on. `known_from`: the first moment as of which the table can be read.
  virtual absl::Status Begin(const TableSchema& kept, std::int64_t known_from) = 0;
  /// Before a batch is written: the rows that it changes, as they stand, and keys that do not stand yet.
  virtual absl::Status KeepOld(const ApplyRows& apply, std::int64_t moment) = 0;
  /// Behind it: what turned out to be the same goes again. Called where KeepOld() could not compare.
  virtual absl::Status ForgetSame(const ApplyRows& apply, std::int64_t moment) = 0;
  /// Before `shadow` takes the place of the rows. `take` gets those that differ.
  virtual absl::Status KeepDifference(const TableSchema& kept, const Shadow& shadow, std::int64_t moment,
                                      const TakeKeys& take) = 0;
  /// The table's definition is this from now on. Versions keep what they had of columns that went, and lose
  /// what stands in columns that are kept out or in another form by now. With another key they are set aside.
  /// `agreed` is the whole definition.
  virtual absl::Status Follow(const TableSchema& agreed, const MovedColumns& moved, std::int64_t now_ms) = 0;
  /// As of earlier moments than `known_from` the table can be read no more; versions that nobody can ask for
  /// are removed, so many at most. Gives how many went.
  virtual absl::StatusOr<std::int64_t> Cut(const std::string& table, std::int64_t known_from,
                                           std::int64_t count_max) = 0;
  /// Removes the versions of one row, and the digests of commits as of which one of them stood. Gives how
  /// many went.
  virtual absl::StatusOr<std::int64_t> EraseRow(const std::string& table, const Key& key) = 0;
  /// Versions go to where retired tables go, and the table has none any more.
  virtual absl::Status SetAside(const std::string& table, std::int64_t now_ms) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_JOURNAL_VERBS_H_
