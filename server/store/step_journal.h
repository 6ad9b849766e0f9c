#ifndef MIRROR_SERVER_STORE_STEP_JOURNAL_H_
#define MIRROR_SERVER_STORE_STEP_JOURNAL_H_

#include <cstdint>
#include <map>
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

/// Returns whether versions of the table's rows can be kept. The table needs a key, must not have too many
/// columns, and no column may have one of the mirror's own names.
bool CanHaveVersions(const TableSchema& table);

/// Detects writes to the tables of a plan that the journal did not record, see server/journal/seen_mark.h.
/// One object serves all steps of a plan. Errors and threads: those of the verbs.
class SeenTables {
 public:
  explicit SeenTables(StoreTransaction& transaction) : transaction_(transaction) {}

  enum class Saw : std::uint8_t {
    kNever,   ///< There is no mark: perhaps the table never had a journal.
    kAll,     ///< The journal recorded every write so far.
    kMissed,  ///< The journal did not record some write to the table.
    kEnded,   ///< As kMissed, and the mark already says so.
  };
  /// Compares the mark with `stored`, the metadata row of the table.
  absl::StatusOr<Saw> Look(const std::string& table, const std::optional<TableRecord>& stored);

  // The marks that a step makes. Keep() keeps them; Drop() discards them when the step is rolled back.
  void NoteSeen(const std::string& table, const std::optional<TableRecord>& record);
  void NoteEnded(const std::string& table);
  void Keep();
  void Drop() { waiting_.clear(); }

  /// Writes the marks of all steps, once for each table.
  absl::Status Write();

 private:
  /// Texts of documents by the table's folded name; absent: there is no document.
  using Texts = std::map<std::string, std::optional<std::string>>;

  absl::StatusOr<std::optional<std::string>> TextOf(const std::string& table);

  StoreTransaction& transaction_;
  Texts read_;     ///< As they were at the begin of the transaction.
  Texts waiting_;  ///< Marks of the running step.
  Texts kept_;
};

/// Writes the journal entries and the closed versions for one step, in the transaction and savepoint of the
/// step. Does nothing if the table has neither journal nor versions.
///
/// A moment lasts from one commit of its table to the next. A step that is a whole commit has one entry.
/// Otherwise the first entry of the moment is a head, which the commit completes. Writes of an aborted cycle
/// belong to the moment of the next commit, because no state between was ever confirmed.
///
/// If the journal did not record the last write to the table, the step first writes a COMPARE entry, or GONE
/// if the table has no metadata row. It also sets the versions of rows aside, because the present rows do not
/// follow from them. If the table has no journal any more, the first step that changes rows writes a COMPARE
/// entry. That entry is the table's last one.
///
/// Errors and threads: those of the verbs.
class StepJournal {
 public:
  /// `seen` must outlive this object.
  StepJournal(StoreTransaction& transaction, const Plan& plan, const Step& step, SeenTables& seen);

  /// Called after a table was created. Versions of a former table of that name do not apply to its rows.
  absl::Status Created();

  /// Called before and after a batch is written into the visible table.
  absl::Status BeforeRows(const ApplyRows& apply);
  absl::Status AfterRows(const ApplyRows& apply);
  /// Called before the rows of `shadow` become the table's rows. `shadow` null: the table is its own shadow.
  /// `agreed`: the table's definition.
  absl::Status BeforeSwap(const std::optional<TableSchema>& agreed, const Shadow* shadow);
  /// Called after changes in place.
  absl::Status Altered(const AlterTable& alter);
  absl::Status Emptied(const std::vector<std::string>& columns);
  /// Called before the definition changes. If a key is now kept in another form, removes the former keys from
  /// all entries, whether or not new entries are written. If versions are kept, it also notes the columns
  /// that a population will fill.
  absl::Status BeforeAgreement(const TableSchema& agreed);
  absl::Status Agreed(const TableSchema& agreed);
  /// Notes that any row may have changed.
  absl::Status Compare();
  /// Notes that the table is dropped or set aside.
  absl::Status Gone();
  /// Called last. `receipt`: the number of the receipt, 0: none. `rows`: the number of rows, -1: unknown.
  absl::Status End(std::uint64_t receipt, std::int64_t rows);

 private:
  /// Reads the state of the journal. Ends a journal or history that cannot continue.
  absl::Status Open();
  /// Notes that the journal did not record some write to the table.
  absl::Status NoteMissed();
  /// Ends the journal of a table whose rows are about to change and for which no journal is kept any more.
  absl::Status EndJournal(JournalOperation operation);
  absl::Status SetAsideHistory();
  absl::Status EndMoment(std::uint64_t receipt, std::int64_t rows);
  absl::Status BeginHistory(const TableSchema& kept, bool has_rows);
  /// Returns the number of the moment that writes belong to now.
  std::int64_t Moment() const { return place_->open != 0 ? place_->open : place_->last + 1; }
  absl::Status Put(JournalEntry entry);
  absl::Status Write(JournalEntry entry);
  absl::Status EnsureHead();
  JournalEntry EntryOf(JournalOperation operation) const;

  StoreTransaction& transaction_;
  const Plan& plan_;
  const Step& step_;
  SeenTables& seen_;
  const TableJournal kept_;
  std::optional<JournalPlace> place_;    ///< Absent: not read yet.
  bool missed_ = false;                  ///< NoteMissed() was called.
  bool ended_ = false;                   ///< EndJournal() was called.
  bool is_unseen_ = false;               ///< The step found no mark of the table.
  bool altered_ = false;                 ///< Columns changed in place. The entry for that also covers the
                                         ///< changed rows.
  std::int64_t was_open_ = 0;            ///< The moment that was open at the begin of the step; 0: none.
  std::optional<JournalEntry> waiting_;  ///< An entry that may become a whole commit.
  MovedColumns moved_;
  bool begins_anew_ = false;  ///< The versions no longer fit the table, and are set aside: old values belong
                              ///< to other columns now.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STEP_JOURNAL_H_
