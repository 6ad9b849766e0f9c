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

/// Whether versions can be kept of its rows: it has a key, few enough columns, and none with a name of the
/// mirror's own.
bool CanHaveVersions(const TableSchema& table);

/// Knows which writes to the tables of a plan the journal did not see, see server/journal/seen_mark.h. One
/// object serves all steps of a plan. Errors and threads: those of the verbs.
class SeenTables {
 public:
  explicit SeenTables(StoreTransaction& transaction) : transaction_(transaction) {}

  enum class Saw : std::uint8_t {
    kNever,   ///< There is no mark: perhaps no journal was ever kept of the table.
    kAll,     ///< Every write so far.
    kMissed,  ///< Somebody wrote to the table without the journal.
    kEnded,   ///< The same, and the mark says so.
  };
  /// `stored`: the table's metadata row.
  absl::StatusOr<Saw> Look(const std::string& table, const std::optional<TableRecord>& stored);

  // What a step leaves. It counts from Keep() on; Drop() takes it back, as the step is.
  void NoteSeen(const std::string& table, const std::optional<TableRecord>& record);
  void NoteEnded(const std::string& table);
  void Keep();
  void Drop() { waiting_.clear(); }

  /// Writes what the steps left, once for each table.
  absl::Status Write();

 private:
  /// Text of the document by folded name of the table; absent: there is none.
  using Texts = std::map<std::string, std::optional<std::string>>;

  absl::StatusOr<std::optional<std::string>> TextOf(const std::string& table);

  StoreTransaction& transaction_;
  Texts read_;     ///< As the transaction found them.
  Texts waiting_;  ///< Of the step that runs.
  Texts kept_;
};

/// What one step notes beside its rows: entries of the journal and closed versions, in the step's own
/// transaction and savepoint. Where nothing is kept of the table it does nothing at all.
///
/// A moment lasts from commit to commit of its table. A step that is a commit by itself is one entry; else
/// the first entry is a head, which the commit fills in. What a cycle that died wrote belongs to the moment
/// of the commit that comes after it: nobody confirmed a state in between.
///
/// Where the journal did not see the last write to the table, the step first writes a COMPARE entry, and the
/// versions of rows are set aside: they do not lead to the rows that are there. Where no journal is kept of
/// the table any more, the first step that changes rows writes the COMPARE entry as the last one of the
/// table.
///
/// Errors and threads: those of the verbs.
class StepJournal {
 public:
  /// `seen` outlives it.
  StepJournal(StoreTransaction& transaction, const Plan& plan, const Step& step, SeenTables& seen);

  /// After a table was made. One that had its name before is gone, and nobody kept its rows.
  absl::Status Created();

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
  /// Reads where the journal stands, and ends what cannot go on.
  absl::Status Open();
  /// Somebody wrote to the table without the journal.
  absl::Status NoteMissed();
  /// No journal is kept of the table, and its rows are about to change.
  absl::Status EndJournal(JournalOperation operation);
  absl::Status SetAsideHistory();
  absl::Status EndMoment(std::uint64_t receipt, std::int64_t rows);
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
  SeenTables& seen_;
  const TableJournal kept_;
  std::optional<JournalPlace> place_;    ///< Absent: not read yet.
  bool missed_ = false;                  ///< NoteMissed() was called.
  bool ended_ = false;                   ///< EndJournal() was called.
  bool is_unseen_ = false;               ///< It found no mark.
  bool altered_ = false;                 ///< In place, which told the columns.
  std::int64_t was_open_ = 0;            ///< The moment that the step found open; 0: none.
  std::optional<JournalEntry> waiting_;  ///< May turn out to be a commit by itself.
  MovedColumns moved_;
  bool begins_anew_ = false;  ///< Former values are other columns' by their names, and rows still stand so.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STEP_JOURNAL_H_
