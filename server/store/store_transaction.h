#ifndef MIRROR_SERVER_STORE_STORE_TRANSACTION_H_
#define MIRROR_SERVER_STORE_STORE_TRANSACTION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/receipt.h"
#include "server/plan/plan.h"
#include "server/plan/receipt_plan.h"
#include "server/store/intent.h"

// One transaction on the tables of one mirror, as verbs that read and write them and decide nothing: what a
// plan means stands in begin_work.cc, once for every store.
//
// Tables are named as in the plan; all names are compared without ASCII case. What a verb removes need not be
// there. Errors of every verb:
//   kUnavailable         busy, disk full, read-only: the same plan again is safe
//   kDataLoss            the database is damaged
//   kFailedPrecondition  what is there does not allow it, for people
//   kAborted             it can be done later as it is: nothing else is to be done in its place
// Threads: none.

namespace mirror {

/// What is kept of the tenant as a whole.
class TenantVerbs {
 public:
  virtual ~TenantVerbs() = default;

  virtual absl::StatusOr<TenantRecord> ReadTenant() = 0;
  virtual absl::Status WriteTenant(const TenantRecord& tenant) = 0;

  /// Those that expire before.
  virtual absl::Status ForgetNonces(std::int64_t before_ms) = 0;
  struct NonceCount {
    std::size_t all = 0;
    bool has_this = false;
  };
  virtual absl::StatusOr<NonceCount> CountNonces(const std::string& value) = 0;
  virtual absl::Status AddNonce(const Nonce& nonce) = 0;

  /// In place of all that are there.
  virtual absl::Status WriteAnswers(const std::vector<SchemaAnswer>& answers) = 0;
  /// In this order: `forget_all`, `forgotten`, `written`.
  virtual absl::Status WriteCycleNotes(std::int64_t cycle, const CycleNoteChanges& changes) = 0;
  /// Of other cycles than `cycle`.
  virtual absl::Status ForgetCycleNotes(std::int64_t cycle) = 0;

  /// Numbers them, behind all that ever waited. What waits for other hooks than `known`, and was committed
  /// before `unknown_before_ms`, goes first.
  virtual absl::Status AddHookNotes(const std::vector<HookNote>& notes, const std::vector<std::string>& known,
                                    std::int64_t unknown_before_ms) = 0;
  /// Leaves the newest `count_max`. Gives how many went. Follows AddHookNotes.
  virtual absl::StatusOr<std::uint64_t> TrimHookNotes(std::int64_t count_max) = 0;
  virtual absl::Status RemoveHookNotes(const std::vector<std::int64_t>& ids) = 0;

  virtual absl::Status WriteDocuments(const std::vector<DocumentChange>& changes, std::int64_t now_ms) = 0;
  virtual absl::Status BoundDocuments(const DocumentBound& bound) = 0;

  virtual absl::StatusOr<ReceiptHead> ReadReceiptHead() = 0;
  virtual absl::Status AddReceipt(std::uint64_t number, const std::string& text) = 0;
  /// Those with this number and with lesser ones.
  virtual absl::Status RemoveReceipts(std::uint64_t through) = 0;
  virtual absl::StatusOr<std::optional<OpenReceipt>> ReadOpenReceipt(const std::string& table) = 0;
  virtual absl::Status WriteOpenReceipt(const std::string& table, const OpenReceipt& open) = 0;
};

/// What is kept of tables beside their rows.
class RecordVerbs {
 public:
  virtual ~RecordVerbs() = default;

  /// The metadata row.
  virtual absl::StatusOr<std::optional<TableRecord>> ReadRecord(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<TableRecord>> ReadRecords() = 0;
  virtual absl::Status WriteRecord(const TableRecord& record) = 0;
  virtual absl::Status RemoveRecord(const std::string& table) = 0;
  /// Of a metadata row that is there.
  virtual absl::Status WriteRowCount(const std::string& table, std::uint64_t rows) = 0;

  /// Without their `row_count`.
  virtual absl::Status WriteChecks(const std::vector<TableCheck>& checks) = 0;
  /// Nothing is known of the table's rows any more; what an operator asked for stays.
  virtual absl::Status ForgetCheck(const std::string& table) = 0;

  /// Each in place of that of its kind and table, whose id it gets; else it is numbered.
  virtual absl::Status WriteHolds(const std::vector<Hold>& holds) = 0;
  virtual absl::Status RemoveHolds(const std::vector<std::uint64_t>& ids) = 0;
  virtual absl::Status RemoveHoldsOn(const std::string& table) = 0;

  virtual absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) = 0;
  /// Makes the loss of this cycle, not committed, with `rows`; or adds them to it and moves its `at_ms`.
  virtual absl::Status AddLoss(const std::string& table, const Loss& loss, std::int64_t rows) = 0;
  virtual absl::Status MarkLossesCommitted(const std::string& table) = 0;
  virtual absl::Status RemoveLosses(const std::string& table) = 0;
  /// Committed ones.
  virtual absl::Status RemoveLossesBefore(std::int64_t before_ms) = 0;

  virtual absl::StatusOr<Freshness> ReadFreshness() = 0;
  /// Times alone; `now` was read in this transaction.
  virtual absl::Status WriteTimes(const Freshness& now, const Freshness& next) = 0;
  /// Absent: from now on it is not known.
  virtual absl::Status WriteTime(const std::string& table, std::optional<std::int64_t> source_ms) = 0;
  virtual absl::Status WriteTargets(const FreshnessTargets& targets) = 0;
};

/// What a population fills until its commit.
struct Shadow {
  std::string name;  ///< As its store calls it.
  std::int64_t rows = 0;
  bool is_table = false;  ///< Nobody sees the mirror yet, and an empty table is its own shadow.
};

/// What writing a batch did.
struct RowsWritten {
  std::int64_t added = 0;                   ///< Rows that are there now and were not, less those that went.
  std::vector<std::uint32_t> missing_rows;  ///< See StepResult.
  bool more_missing = false;
};

/// Definitions and rows. Each verb does the whole of its action, see plan.h, or fails.
class TableVerbs {
 public:
  virtual ~TableVerbs() = default;

  /// The agreed definition of a table that is there.
  virtual absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) = 0;
  virtual absl::Status Create(const CreateTable& create) = 0;
  /// `position`: where the table stands with it, for StoreRecords::ReadLostColumns.
  virtual absl::Status Alter(const std::string& table, const Position& position, const AlterTable& alter) = 0;
  virtual absl::Status Refit(const std::string& table, const Position& position, const RefitTable& refit) = 0;
  virtual absl::Status Agree(const AgreeSchema& agree) = 0;
  /// With all that was known of the table but its metadata row.
  virtual absl::Status Retire(const std::string& table, const RetireTable& retire) = 0;
  virtual absl::Status Drop(const std::string& table) = 0;
  virtual absl::Status DropRetired(std::int64_t before_ms) = 0;
  virtual absl::Status ChangeIndexes(const std::vector<IndexChange>& changes) = 0;
  virtual absl::Status WriteObjects(const std::vector<ObjectsChange>& changes) = 0;

  virtual absl::Status BeginShadow(const std::string& table, const mirror::BeginShadow& begin) = 0;
  virtual absl::StatusOr<std::optional<Shadow>> FindShadow(const std::string& table) = 0;
  virtual absl::Status WriteShadowRows(const std::string& table, std::int64_t rows) = 0;
  /// Keys of the visible table that the shadow lacks, where they may be more than `may_lose`; else 0, or
  /// fewer than there are. `kept` is the agreed table in its kept form.
  virtual absl::StatusOr<std::int64_t> CountAbsent(const TableSchema& kept, const Shadow& shadow,
                                                   std::int64_t may_lose) = 0;
  /// Hold::keys of the first of them.
  virtual absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(const TableSchema& kept,
                                                                  const Shadow& shadow) = 0;
  /// The rows of the shadow become those of the table, and the shadow goes: see SwapShadow. Without a shadow
  /// it fails. `left_out` gets the indexes that the new rows do not let be.
  virtual absl::Status Swap(const std::string& table, std::vector<std::string>* left_out) = 0;
  /// The same for a table that keeps what is the partner's.
  virtual absl::Status Merge(const TableSchema& kept, const Shadow& shadow, std::int64_t now_ms) = 0;
  /// The table is its own shadow, and is one no more.
  virtual absl::Status EndOwnShadow(const std::string& table) = 0;
  /// Those of other cycles than `cycle`, and their parts of large values.
  virtual absl::Status DropOldShadows(std::int64_t cycle) = 0;

  /// A whole batch, into the visible table or, when there is one, into `shadow`. Large values that it took
  /// are gone from their parts. kInvalidArgument, too, for a value that cannot be stored.
  virtual absl::Status Write(const std::string& table, const Shadow* shadow, const ApplyRows& apply,
                             std::int64_t now_ms, RowsWritten* written) = 0;
  /// kResourceExhausted, too, for a value that is too large.
  virtual absl::Status WritePart(const std::string& table, const KeepPart& part) = 0;
  /// SHA-256 of a value that came in parts.
  virtual absl::StatusOr<std::string> HashParts(const std::string& table, std::int64_t cycle,
                                                std::uint64_t value_id) = 0;
};

// See journal_verbs.h.
class JournalVerbs;
class HistoryVerbs;

/// A transaction, which is begun or not.
class StoreTransaction {
 public:
  virtual ~StoreTransaction() = default;

  virtual TenantVerbs& tenant() = 0;
  virtual RecordVerbs& records() = 0;
  virtual TableVerbs& tables() = 0;
  virtual JournalVerbs& journal() = 0;
  virtual HistoryVerbs& history() = 0;

  /// Takes the tenant's writer lock; what is read from then on is what is committed last. After an error
  /// nothing has begun.
  virtual absl::Status Begin(const Intent& intent) = 0;
  /// Before a plan is run in it: the tenant's row was read. A store in which plans may wait (Kept::kWithNext)
  /// writes what waits, unless this one may wait, too.
  virtual absl::Status StartPlan(const Plan& /*plan*/) { return absl::OkStatus(); }
  /// After an error nothing of the transaction is visible, unless it says otherwise.
  virtual absl::Status Commit(Kept kept) = 0;
  /// Also where nothing has begun, or the database took it back by itself.
  virtual void Rollback() = 0;
  /// The database took the whole transaction back by itself.
  virtual bool IsOver() const = 0;
  /// A verb or Commit() failed, nothing of the transaction was done, and the same plan made again may
  /// succeed: two were in each other's way, or its connection was chosen by an Intent that was too narrow.
  /// Said until the next Begin().
  virtual bool MayTryAgain() const = 0;

  /// What was written in it is read in it, so that another plan can be made and run in it.
  virtual bool ReadsItsWrites() const = 0;

  /// What was done since can be taken back alone. One at a time.
  virtual absl::Status SetSavepoint() = 0;
  virtual absl::Status ReleaseSavepoint() = 0;
  virtual absl::Status RollBackToSavepoint() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_TRANSACTION_H_
