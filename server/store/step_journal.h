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

/// Returns whether versions of the table's rows can be kept: it has a key, few enough columns, and no column
/// with one of the mirror's own names.
bool CanHaveVersions(const TableSchema& table);

/// Detects writes to the tables of a plan that the journal missed, see server/journal/seen_mark.h. One object
/// serves all steps of a plan. Errors and threads: those of the verbs.
class SeenTables {
 public:
  explicit SeenTables(StoreTransaction& transaction) : transaction_(transaction) {}

  enum class Saw : std::uint8_t {
    kNever,   ///< There is no mark: perhaps the table never had a journal.
    kAll,     ///< The journal has every write so far.
    kMissed,  ///< Some write to the table bypassed the journal.
    kEnded,   ///< kMissed, and the mark already says so.
  };
  /// Compares the mark with `stored`, the table's metadata row.
  absl::StatusOr<Saw> Look(const std::string& table, const std::optional<TableRecord>& stored);

  // The marks that a step leaves. Keep() makes them count; Drop() discards them when the step rolls back.
  void NoteSeen(const std::string& table, const std::optional<TableRecord>& record);
  void NoteEnded(const std::string& table);
  void Keep();
  void Drop() { waiting_.clear(); }

  /// Writes the marks of all steps, once for each table.
  absl::Status Write();

 private:
  /// Texts of documents by the table's folded name; absent: there is none.
  using Texts = std::map<std::string, std::optional<std::string>>;

  absl::StatusOr<std::optional<std::string>> TextOf(const std::string& table);

  StoreTransaction& transaction_;
  Texts read_;     ///< As the transaction found them.
  Texts waiting_;  ///< Marks of the step that runs.
  Texts kept_;
};

/// Writes the entries of the journal and the closed versions for one step, in the step's own transaction and
/// savepoint. Does nothing if neither is kept for the table.
///
/// A moment lasts from one commit of its table to the next. A step that is a whole commit has one entry. Else
/// the first entry is a head, which the commit completes. Writes of a cycle that died belong to the moment of
/// the next commit: no state in between was ever confirmed.
///
/// If the journal did not see the last write to the table, the step first writes a COMPARE entry.
/// It sets the versions of rows aside, because the present rows do not follow from them.
/// If no journal is kept for the table any more, the first step that changes rows writes a COMPARE entry, the
/// table's last entry.
///
/// Errors and threads: those of the verbs.
class StepJournal {
 public:
  /// `seen` must outlive this object.
  StepJournal(StoreTransaction& transaction, const Plan& plan, const Step& step, SeenTables& seen);

  /// Called after a table was made. A former table of that name is gone, and no version has its rows.
  absl::Status Created();

  /// Called before and after a batch is written into the visible table.
  absl::Status BeforeRows(const ApplyRows& apply);
  absl::Status AfterRows(const ApplyRows& apply);
  /// Called before the rows of `shadow` become the table's. Null: the table is its own shadow. `agreed`:
  /// its definition.
  absl::Status BeforeSwap(const std::optional<TableSchema>& agreed, const Shadow* shadow);
  /// Called after changes in place.
  absl::Status Altered(const AlterTable& alter);
  absl::Status Emptied(const std::vector<std::string>& columns);
  /// Called before the definition changes. If a key gets another form, it removes that key from all
  /// entries, whether or not new ones are written. If versions are kept, it also notes the columns that a
  /// population will fill.
  absl::Status BeforeAgreement(const TableSchema& agreed);
  absl::Status Agreed(const TableSchema& agreed);
  /// Notes that any row may have changed.
  absl::Status Compare();
  /// Notes that the table is dropped, or set aside.
  absl::Status Gone();
  /// Called last. `receipt`: the receipt's number, 0: none. `rows`: -1: not known.
  absl::Status End(std::uint64_t receipt, std::int64_t rows);

 private:
  /// Reads the state of the journal, and ends a journal or history that cannot continue.
  absl::Status Open();
  /// Notes that some write to the table bypassed the journal.
  absl::Status NoteMissed();
  /// Ends the journal of a table that has none any more and whose rows are about to change.
  absl::Status EndJournal(JournalOperation operation);
  absl::Status SetAsideHistory();
  absl::Status EndMoment(std::uint64_t receipt, std::int64_t rows);
  absl::Status BeginHistory(const TableSchema& kept, bool has_rows);
  /// Returns the number of the moment that present writes belong to.
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
  bool is_unseen_ = false;               ///< The step found no mark.
  bool altered_ = false;                 ///< Columns changed in place, which also noted them.
  std::int64_t was_open_ = 0;            ///< The moment that was open when the step began; 0: none.
  std::optional<JournalEntry> waiting_;  ///< An entry that may turn out to be a whole commit.
  MovedColumns moved_;
  bool begins_anew_ = false;  ///< Old values now belong to other columns; rows are not migrated yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STEP_JOURNAL_H_
