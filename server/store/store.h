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
  kWhereNeeded,  ///< Not for a single step, nor for several with many rows: a savepoint costs time.
  kAlways,
};

/// The tenant's writer lock, and the transaction under it. Until it ends, only its holder writes to the
/// database: not another server, a partner or a DBA. Made by Store::Begin(). Reads of the store run in this
/// transaction meanwhile, so planners use the same store interface before, during and after it.
///
/// The holder of this object must not wait for anything. Slow work (decoding, digests, scans of rows) belongs
/// before or after it.
class StoreWork {
 public:
  StoreWork() = default;
  /// Rolls back what was not committed. The store must still exist.
  virtual ~StoreWork() = default;
  StoreWork(const StoreWork&) = delete;
  StoreWork& operator=(const StoreWork&) = delete;

  /// Returns the tenant's row, as it is under the lock.
  virtual const TenantRecord& tenant() const = 0;

  /// Runs the plan and ends the transaction. After an error, and with CommitResult::again, no change of it is
  /// visible.
  ///   kAborted        the plan's `cycle` is not the running one
  ///   kAlreadyExists  the nonce was seen before
  ///   kResourceExhausted  nonce memory full
  ///   kInternal       a step's `expected` is not what is there: it was not read under the lock
  /// The status of a step is separate: kFailedPrecondition for missing rows and for what the partner's
  /// objects refuse (named), kInvalidArgument for what cannot be stored. Once it returns, the plan is on
  /// disk, unless it may wait (Plan::kept). While Store::IsBuilding(), only its `tenant` and `nonce`, and the
  /// end of the cycle, are on disk.
  virtual absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) = 0;

  /// Whether a plan's writes can be read in the transaction; then RunFirst() may be called.
  virtual bool ReadsItsWrites() const = 0;
  /// Runs a plan and leaves the transaction open for the next plan. Commit() runs that one and ends it: both
  /// are on disk, or neither. tenant() is then the row after the first. Errors, and CommitResult::again: as
  /// Commit(), which also sets CommitResult::again if the second plan cannot be run.
  virtual absl::StatusOr<CommitResult> RunFirst(const Plan& plan) = 0;
};

/// One tenant's mirrored database. Rows and position change together: each call that writes a row also
/// records how far the table has come.
///
/// Errors of every call:
///   kUnavailable       busy, disk full, read-only, the file was replaced: the same call may be repeated
///   kDataLoss          the database is damaged
/// Thread safety: none; `Tenant` calls it under the tenant's lock.
class Store {
 public:
  virtual ~Store() = default;

  // Both may be different objects after a commit.
  virtual StoreRecords& records() = 0;
  virtual StoreUpkeep& upkeep() = 0;

  /// Checks whether the store can hold such a table. Errors: kInvalidArgument with the reason: its name, a
  /// column or a type.
  virtual absl::Status CheckTable(const TableSchema& table) = 0;

  /// Takes the tenant's writer lock. Waits for another holder, up to a limit of the store; then:
  /// kUnavailable. Only one StoreWork exists at a time.
  virtual absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) = 0;

  /// Begins, and commits a plan that depends on nothing that was read. For other plans see Writing.
  absl::StatusOr<CommitResult> Commit(const Plan& plan);
  /// Sets what is noted beside the rows from now on. Null: nothing.
  void SetJournal(std::shared_ptr<const JournalRules> rules) { journal_ = std::move(rules); }
  const std::shared_ptr<const JournalRules>& journal() const { return journal_; }

  /// Returns a number that changes whenever someone else changed holds, answers, cycle notes, definitions or
  /// indexes, but not by this store's own writes. A cache of these is valid while the number stays the same.
  /// Manual changes of metadata rows need not change it: those rows are always read afresh.
  virtual absl::StatusOr<std::int64_t> ReadDataVersion() = 0;

  /// Opens the present committed state, to be read while later commits follow. Errors: kFailedPrecondition
  /// while a new mirror is being built.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() = 0;

  /// Whether a new mirror is being built: then a crash loses its rows, and so the running cycle. The plan
  /// that ends that cycle makes all of it durable.
  virtual bool IsBuilding() = 0;
  /// Whether the last commit is as durable as this store can make it. False while it IsBuilding().
  virtual bool IsDurable() = 0;
  /// OK: everything that was committed and visible is durable, by whichever writer, except what may wait
  /// (Kept::kWithNext); or the store IsBuilding(). For answers that let a source delete its history. Errors:
  /// kUnavailable with the reason.
  virtual absl::Status MakeDurable() = 0;

 private:
  std::shared_ptr<const JournalRules> journal_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_H_
