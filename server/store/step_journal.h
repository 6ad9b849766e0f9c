#ifndef MIRROR_SERVER_STORE_STEP_JOURNAL_H_
#define MIRROR_SERVER_STORE_STEP_JOURNAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/journal/journal_entry.h"
#include "server/journal/journal_rules.h"
#include "server/plan/plan.h"
#include "server/store/journal_verbs.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// Whether versions can be kept of its rows: it has a key, few enough columns, and none with a name of the
/// mirror's own.
bool CanHaveVersions(const TableSchema& table);

/// What one step notes beside its rows: entries of the journal and closed versions, in the step's own
/// transaction and savepoint. Where nothing is kept of the table it does nothing at all.
///
/// A moment lasts from commit to commit of its table. A step that is a commit by itself is one entry; else
/// the first entry is a head, which the commit fills in. What a cycle that died wrote belongs to the moment
/// of the commit that comes after it: nobody confirmed a state in between.
///
/// Errors and threads: those of the verbs.
class StepJournal {
 public:
  StepJournal(StoreTransaction& transaction, const Plan& plan, const Step& step);

  /// Around a batch that goes into the visible table.
  absl::Status BeforeRows(const ApplyRows& apply);
  absl::Status AfterRows(const ApplyRows& apply);
  /// Before the rows of `shadow` become those of the table. Null: the table is its own shadow. `agreed`: its
  /// definition.
  absl::Status BeforeSwap(const std::optional<TableSchema>& agreed, const Shadow* shadow);
  /// Behind changes in place.
  absl::Status Altered(const AlterTable& alter);
  absl::Status Emptied(const std::vector<std::string>& columns);
  /// Before the definition is another one: where a key is to be kept in another form, no entry may go on
  /// naming rows by it, whether new ones are written or not. Where versions are kept, columns that a
  /// population is to bring are told, too.
  absl::Status BeforeAgreement(const TableSchema& agreed);
  absl::Status Agreed(const TableSchema& agreed);
  /// Any row may have changed.
  absl::Status Compare();
  /// The table is dropped, or set aside.
  absl::Status Gone();
  /// Behind all of it. `receipt`: its number, 0: none. `rows`: -1: not known.
  absl::Status End(std::uint64_t receipt, std::int64_t rows);

 private:
  absl::Status Open();
  absl::Status BeginHistory(const TableSchema& kept, bool has_rows);
  /// Number of the moment that what is written now belongs to.
  std::int64_t Moment() const { return place_->open != 0 ? place_->open : place_->last + 1; }
  absl::Status Put(JournalEntry entry);
  absl::Status Write(JournalEntry entry);
  absl::Status EnsureHead();
  JournalEntry EntryOf(JournalOperation operation) const;

  StoreTransaction& transaction_;
  const Plan& plan_;
  const Step& step_;
  const TableJournal kept_;
  std::optional<JournalPlace> place_;    ///< Absent: not read yet.
  bool altered_ = false;                 ///< In place, which told the columns.
  std::int64_t was_open_ = 0;            ///< The moment that the step found open; 0: none.
  std::optional<JournalEntry> waiting_;  ///< May turn out to be a commit by itself.
  MovedColumns moved_;
  bool begins_anew_ = false;  ///< Former values are other columns' by their names, and rows still stand so.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STEP_JOURNAL_H_
