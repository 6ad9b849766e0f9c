#ifndef MIRROR_SERVER_STORE_STORE_H_
#define MIRROR_SERVER_STORE_STORE_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/intent.h"
#include "server/store/snapshot.h"
#include "server/store/store_records.h"
#include "server/store/store_upkeep.h"

namespace mirror {

/// When each step of a plan gets a savepoint, so that it can be rolled back alone.
enum class Savepoints : std::uint8_t {
  kWhereNeeded,  ///< Not for a single step, nor for several steps with many rows, because a savepoint costs
                 ///< time.
  kAlways,
};

/// The tenant's writer lock, and the transaction under it. Until the transaction ends, only the holder of
/// this object writes to the database: no other server, partner or DBA. Store::Begin() makes it. Meanwhile
/// reads of the store run in this transaction. So planners use the same store interface before, during and
/// after it.
///
/// The holder of this object must not wait for anything. Slow work, such as decoding, digests and scans of
/// rows, must be done before or after it.
class StoreWork {
 public:
  StoreWork() = default;
  /// Rolls back what was not committed. The store must still exist.
  virtual ~StoreWork() = default;
  StoreWork(const StoreWork&) = delete;
  StoreWork& operator=(const StoreWork&) = delete;

  /// Returns the tenant's row as it was read under the lock.
  virtual const TenantRecord& tenant() const = 0;

  /// Runs the plan and ends the transaction. After an error, or if CommitResult::again is set, no change of
  /// the transaction is visible.
  ///   kAborted        the plan's `cycle` is not the running one
  ///   kAlreadyExists  the nonce was seen before
  ///   kResourceExhausted  nonce memory full
  ///   kInternal       the `expected` of a step differs from the present row: it was not read under the lock
  /// Each step has a status of its own: kFailedPrecondition for missing rows and for what the partner's
  /// objects refuse (the message names the object), kInvalidArgument for what cannot be stored. On return the
  /// plan is on disk, unless it may wait (Plan::kept). While Store::IsBuilding(), only `tenant` and `nonce`
  /// of the plan, and the end of the cycle, are on disk.
  virtual absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) = 0;

  /// Returns whether the transaction can read what a plan wrote. If so, RunFirst() may be called.
  virtual bool ReadsItsWrites() const = 0;
  /// Runs a plan and keeps the transaction open for a second plan. Commit() runs the second plan and ends the
  /// transaction: both plans are on disk, or neither. After RunFirst(), tenant() returns the row that the
  /// first plan left. Errors, and CommitResult::again: as Commit(). Commit() sets CommitResult::again also if
  /// the second plan cannot be run.
  virtual absl::StatusOr<CommitResult> RunFirst(const Plan& plan) = 0;
};

/// One tenant's mirrored database. Rows and position change together: a call that writes a row also records
/// the position that the table has reached.
///
/// Errors of every call:
///   kUnavailable       busy, disk full, read-only, file replaced: the same call may be repeated
///   kDataLoss          the database is damaged
/// Threads: one at a time; `Tenant` calls it under the tenant's lock.
class Store {
 public:
  virtual ~Store() = default;

  // After a commit both may return other objects.
  virtual StoreRecords& records() = 0;
  virtual StoreUpkeep& upkeep() = 0;

  /// Checks whether the store can hold such a table. Errors: kInvalidArgument, with the reason: the table's
  /// name, a column or a type.
  virtual absl::Status CheckTable(const TableSchema& table) = 0;

  /// Takes the tenant's writer lock. Waits for another holder, up to a time limit of the store. Errors: also
  /// kUnavailable: the lock was not released in time. Only one StoreWork exists at a time.
  virtual absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) = 0;

  /// Begins, and commits a plan that does not depend on anything read before. For other plans see Writing.
  absl::StatusOr<CommitResult> Commit(const Plan& plan);
  /// Sets the rules for the journal: what is noted beside the rows from now on. Null: nothing.
  void SetJournal(std::shared_ptr<const JournalRules> rules) { journal_ = std::move(rules); }
  const std::shared_ptr<const JournalRules>& journal() const { return journal_; }

  /// Returns a number that changes whenever someone else changed holds, answers, cycle notes, definitions or
  /// indexes. Writes of this store do not change it. A cache of these data is valid as long as the number
  /// stays the same. Changes of metadata rows by hand may leave the number unchanged, because those rows are
  /// always read afresh.
  virtual absl::StatusOr<std::int64_t> ReadDataVersion() = 0;

  /// Opens the present committed state. It can be read while later commits follow. Errors: also
  /// kFailedPrecondition: a new mirror is being built.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() = 0;

  /// Returns whether a new mirror is being built. Then a crash loses its rows, and so the running cycle. The
  /// plan that ends that cycle makes everything durable.
  virtual bool IsBuilding() = 0;
  /// Returns whether the last commit is as durable as this store can make it. False while IsBuilding().
  virtual bool IsDurable() = 0;
  /// Makes durable everything that is committed and visible, by any writer, except what may wait
  /// (Kept::kWithNext). While IsBuilding() it returns OK without that. Called before an answer that lets a
  /// source delete its history. Errors: kUnavailable, with the reason.
  virtual absl::Status MakeDurable() = 0;

 private:
  std::shared_ptr<const JournalRules> journal_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_H_
