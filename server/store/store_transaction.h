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

// One transaction on the tables of one mirror. Its verbs read and write these tables and decide nothing.
// begin_work.cc runs a plan by these verbs, in one way for every store.
//
// A verb takes table names as they are in the plan. All names are compared without ASCII case. Removing
// something that does not exist is no error. Errors of every verb:
//   kUnavailable         busy, disk full, read-only: the same plan may be repeated
//   kDataLoss            the database is damaged
//   kFailedPrecondition  the present state does not allow it; the message is for people
//   kAborted             the same plan may be repeated later: Step::otherwise must not replace the step
// Threads: none.

namespace mirror {

/// Verbs on data about the tenant as a whole.
class TenantVerbs {
 public:
  virtual ~TenantVerbs() = default;

  virtual absl::StatusOr<TenantRecord> ReadTenant() = 0;
  virtual absl::Status WriteTenant(const TenantRecord& tenant) = 0;

  /// Removes the nonces that expire before `before_ms`.
  virtual absl::Status ForgetNonces(std::int64_t before_ms) = 0;
  struct NonceCount {
    std::size_t all = 0;
    bool has_this = false;
  };
  virtual absl::StatusOr<NonceCount> CountNonces(const std::string& value) = 0;
  virtual absl::Status AddNonce(const Nonce& nonce) = 0;

  /// Replaces all stored answers.
  virtual absl::Status WriteAnswers(const std::vector<SchemaAnswer>& answers) = 0;
  /// Applies the changes in this order: `forget_all`, `forgotten`, `written`.
  virtual absl::Status WriteCycleNotes(std::int64_t cycle, const CycleNoteChanges& changes) = 0;
  /// Removes the notes of cycles other than `cycle`.
  virtual absl::Status ForgetCycleNotes(std::int64_t cycle) = 0;

  /// Queues notes, with ids above all ids ever used. First removes notes for hooks that are not in `known`,
  /// if they were committed before `unknown_before_ms`.
  virtual absl::Status AddHookNotes(const std::vector<HookNote>& notes, const std::vector<std::string>& known,
                                    std::int64_t unknown_before_ms) = 0;
  /// Keeps the newest `count_max` notes and removes the others. Returns how many it removed. Called after
  /// AddHookNotes.
  virtual absl::StatusOr<std::uint64_t> TrimHookNotes(std::int64_t count_max) = 0;
  virtual absl::Status RemoveHookNotes(const std::vector<std::int64_t>& ids) = 0;

  virtual absl::Status WriteDocuments(const std::vector<DocumentChange>& changes, std::int64_t now_ms) = 0;
  virtual absl::Status BoundDocuments(const DocumentBound& bound) = 0;

  virtual absl::StatusOr<ReceiptHead> ReadReceiptHead() = 0;
  virtual absl::Status AddReceipt(std::uint64_t number, const std::string& text) = 0;
  /// Removes receipts with numbers up to `through`.
  virtual absl::Status RemoveReceipts(std::uint64_t through) = 0;
  virtual absl::StatusOr<std::optional<OpenReceipt>> ReadOpenReceipt(const std::string& table) = 0;
  virtual absl::Status WriteOpenReceipt(const std::string& table, const OpenReceipt& open) = 0;
};

/// Verbs on data about tables, except their rows.
class RecordVerbs {
 public:
  virtual ~RecordVerbs() = default;

  /// Reads the metadata row.
  virtual absl::StatusOr<std::optional<TableRecord>> ReadRecord(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<TableRecord>> ReadRecords() = 0;
  virtual absl::Status WriteRecord(const TableRecord& record) = 0;
  virtual absl::Status RemoveRecord(const std::string& table) = 0;
  /// Sets the number of rows in a metadata row, which must exist.
  virtual absl::Status WriteRowCount(const std::string& table, std::uint64_t rows) = 0;

  /// Writes checks, without their `row_count`.
  virtual absl::Status WriteChecks(const std::vector<TableCheck>& checks) = 0;
  /// Removes the results of checks of the table's rows. Keeps what an operator asked for.
  virtual absl::Status ForgetCheck(const std::string& table) = 0;

  /// Writes each hold. A hold replaces the stored one of the same kind and table and keeps its id. Other
  /// holds get new ids.
  virtual absl::Status WriteHolds(const std::vector<Hold>& holds) = 0;
  virtual absl::Status RemoveHolds(const std::vector<std::uint64_t>& ids) = 0;
  virtual absl::Status RemoveHoldsOn(const std::string& table) = 0;

  virtual absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) = 0;
  /// Adds `rows` to the uncommitted loss of this cycle and sets its `at_ms`. Creates the loss if there is
  /// none.
  virtual absl::Status AddLoss(const std::string& table, const Loss& loss, std::int64_t rows) = 0;
  virtual absl::Status MarkLossesCommitted(const std::string& table) = 0;
  virtual absl::Status RemoveLosses(const std::string& table) = 0;
  /// Removes committed losses that are older than `before_ms`.
  virtual absl::Status RemoveLossesBefore(std::int64_t before_ms) = 0;

  virtual absl::StatusOr<Freshness> ReadFreshness() = 0;
  /// Writes `next`, times only. `now` is what this transaction read.
  virtual absl::Status WriteTimes(const Freshness& now, const Freshness& next) = 0;
  /// Sets the table's time. Absent: the time is unknown from now on.
  virtual absl::Status WriteTime(const std::string& table, std::optional<std::int64_t> source_ms) = 0;
  virtual absl::Status WriteTargets(const FreshnessTargets& targets) = 0;
};

/// The table that a population fills until its commit.
struct Shadow {
  std::string name;  ///< Its name in the store.
  std::int64_t rows = 0;
  bool is_table = false;  ///< The table is its own shadow: it was empty, and no reader sees the mirror yet.
};

/// The effect of writing a batch.
struct RowsWritten {
  std::int64_t added = 0;                   ///< New rows minus removed rows.
  std::vector<std::uint32_t> missing_rows;  ///< See StepResult.
  bool more_missing = false;
};

/// Verbs on definitions and rows. Each verb does its action completely, see plan.h, or fails.
class TableVerbs {
 public:
  virtual ~TableVerbs() = default;

  /// Reads the agreed definition of a table that exists.
  virtual absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) = 0;
  virtual absl::Status Create(const CreateTable& create) = 0;
  /// `position`: the table's position after this change, for StoreRecords::ReadLostColumns.
  virtual absl::Status Alter(const std::string& table, const Position& position, const AlterTable& alter) = 0;
  virtual absl::Status Refit(const std::string& table, const Position& position, const RefitTable& refit) = 0;
  virtual absl::Status Agree(const AgreeSchema& agree) = 0;
  /// Sets the table aside, with all data about it except its metadata row.
  virtual absl::Status Retire(const std::string& table, const RetireTable& retire) = 0;
  virtual absl::Status Drop(const std::string& table) = 0;
  virtual absl::Status DropRetired(std::int64_t before_ms) = 0;
  virtual absl::Status ChangeIndexes(const std::vector<IndexChange>& changes) = 0;
  virtual absl::Status WriteObjects(const std::vector<ObjectsChange>& changes) = 0;

  virtual absl::Status BeginShadow(const std::string& table, const mirror::BeginShadow& begin) = 0;
  virtual absl::StatusOr<std::optional<Shadow>> FindShadow(const std::string& table) = 0;
  virtual absl::Status WriteShadowRows(const std::string& table, std::int64_t rows) = 0;
  /// Counts the keys of the visible table that the shadow lacks, if there may be more than `may_lose` of
  /// them. Otherwise returns 0, or less than their number. `kept`: the agreed table in its kept form.
  virtual absl::StatusOr<std::int64_t> CountAbsent(const TableSchema& kept, const Shadow& shadow,
                                                   std::int64_t may_lose) = 0;
  /// Returns the first of these keys, in the form of Hold::keys.
  virtual absl::StatusOr<std::vector<std::string>> ReadAbsentKeys(const TableSchema& kept,
                                                                  const Shadow& shadow) = 0;
  /// Replaces the rows of the table by those of the shadow and removes the shadow, see SwapShadow. Fails if
  /// there is no shadow. Adds to `left_out` the indexes that the new rows violate.
  virtual absl::Status Swap(const std::string& table, std::vector<std::string>* left_out) = 0;
  /// Does the same as Swap for a table that keeps the partner's data: merges the shadow into it.
  virtual absl::Status Merge(const TableSchema& kept, const Shadow& shadow, std::int64_t now_ms) = 0;
  /// Ends the state in which the table is its own shadow.
  virtual absl::Status EndOwnShadow(const std::string& table) = 0;
  /// Drops the shadows of cycles other than `cycle`, and their parts of large values.
  virtual absl::Status DropOldShadows(std::int64_t cycle) = 0;

  /// Writes a whole batch into `shadow`; null: into the visible table. Removes the parts of the large values
  /// that it used. Errors: also kInvalidArgument: a value cannot be stored.
  virtual absl::Status Write(const std::string& table, const Shadow* shadow, const ApplyRows& apply,
                             std::int64_t now_ms, RowsWritten* written) = 0;
  /// Stores a part of a large value. Errors: also kResourceExhausted: the value is too large.
  virtual absl::Status WritePart(const std::string& table, const KeepPart& part) = 0;
  /// Returns the SHA-256 of a value that came in parts.
  virtual absl::StatusOr<std::string> HashParts(const std::string& table, std::int64_t cycle,
                                                std::uint64_t value_id) = 0;
};

// See journal_verbs.h.
class JournalVerbs;
class HistoryVerbs;

/// A transaction. It may have begun or not.
class StoreTransaction {
 public:
  virtual ~StoreTransaction() = default;

  virtual TenantVerbs& tenant() = 0;
  virtual RecordVerbs& records() = 0;
  virtual TableVerbs& tables() = 0;
  virtual JournalVerbs& journal() = 0;
  virtual HistoryVerbs& history() = 0;

  /// Takes the tenant's writer lock. Later reads see the last commit. After an error no transaction has
  /// begun.
  virtual absl::Status Begin(const Intent& intent) = 0;
  /// Called before a plan runs in the transaction, after the tenant's row was read. In some stores changes
  /// may wait in memory (Kept::kWithNext). Such a store writes the waiting changes here, unless this plan may
  /// wait too.
  virtual absl::Status StartPlan(const Plan& /*plan*/) { return absl::OkStatus(); }
  /// Commits. After an error nothing of the transaction is visible, unless the error says otherwise.
  virtual absl::Status Commit(Kept kept) = 0;
  /// Rolls back. May be called if no transaction has begun, or if the database rolled back by itself.
  virtual void Rollback() = 0;
  /// Returns whether the database rolled back the whole transaction by itself.
  virtual bool IsOver() const = 0;
  /// Returns whether the plan may be tried again: a verb or Commit() failed, the whole transaction was
  /// undone, and the cause may not recur. Causes: a conflict of two transactions, or a connection that was
  /// chosen for an Intent that was too narrow. Holds until the next Begin().
  virtual bool MayTryAgain() const = 0;

  /// Returns whether reads in the transaction see its writes. If so, another plan can be made and run in it.
  virtual bool ReadsItsWrites() const = 0;

  /// Changes after SetSavepoint() can be rolled back alone. There is at most one savepoint.
  virtual absl::Status SetSavepoint() = 0;
  virtual absl::Status ReleaseSavepoint() = 0;
  virtual absl::Status RollBackToSavepoint() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_TRANSACTION_H_
