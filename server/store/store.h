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

/// Where a step of a plan can be taken back alone.
enum class Savepoints : std::uint8_t {
  kWhereNeeded,  ///< One step goes without, and so do several with many rows: a savepoint has its price.
  kAlways,
};

/// The tenant's writer lock, and the transaction under it: nobody else writes to the database until it is
/// over, whether he is another server, a partner or a DBA. Store::Begin() gives it; what is read of the store
/// meanwhile is read in it, so the planners ask the store itself, before, in and behind a transaction.
///
/// Whoever has it waits for nothing and nobody, and leaves what takes long (decoding, digests, looks through
/// rows) to before and after.
class StoreWork {
 public:
  StoreWork() = default;
  /// Takes back what was not committed. The store is still there.
  virtual ~StoreWork() = default;
  StoreWork(const StoreWork&) = delete;
  StoreWork& operator=(const StoreWork&) = delete;

  /// The tenant's row, as it is under the lock.
  virtual const TenantRecord& tenant() const = 0;

  /// Runs the plan and ends the transaction. After an error, and with CommitResult::again, nothing of it is
  /// visible.
  ///   kAborted        the plan's `cycle` is not the running one
  ///   kAlreadyExists  the nonce was seen before
  ///   kResourceExhausted  nonce memory full
  ///   kInternal       a step's `expected` is not what is there: it was not read under the lock
  /// The status of a step is its own: kFailedPrecondition for missing rows and for what the partner's objects
  /// refuse (named), kInvalidArgument for what cannot be stored. Once it returns, the plan is on disk, unless
  /// it may wait (Plan::kept). While Store::IsBuilding(), only its `tenant` and `nonce`, and the end of the
  /// cycle, are on disk.
  virtual absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) = 0;

  /// What a plan wrote can be read in the transaction: RunFirst() may be asked.
  virtual bool ReadsItsWrites() const = 0;
  /// Runs a plan and leaves the transaction open for the one behind it, by which Commit() ends it: on disk
  /// together or not at all. tenant() is the row as it is by then. Errors, and CommitResult::again: as
  /// Commit(), which says CommitResult::again, too, where the plan behind it cannot be run.
  virtual absl::StatusOr<CommitResult> RunFirst(const Plan& plan) = 0;
};

/// One tenant's mirrored database. Rows and position move together: no call writes a row without also
/// recording how far the table has come.
///
/// Errors of every call:
///   kUnavailable       busy, disk full, read-only, the file was replaced: the same call again is safe
///   kDataLoss          the database is damaged
/// Thread safety: none; `Tenant` calls it under the tenant's lock.
class Store {
 public:
  virtual ~Store() = default;

  // Either may be another object after a commit.
  virtual StoreRecords& records() = 0;
  virtual StoreUpkeep& upkeep() = 0;

  /// Errors: kInvalidArgument with the reason when the store cannot hold such a table: its name, a column or
  /// a type.
  virtual absl::Status CheckTable(const TableSchema& table) = 0;

  /// Takes the tenant's writer lock. Who else has it is waited for, up to a bound of the store's; then:
  /// kUnavailable. One at a time.
  virtual absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) = 0;

  /// Begins, and commits a plan that hangs on nothing that was read. Others: see Writing.
  absl::StatusOr<CommitResult> Commit(const Plan& plan);
  /// What is noted beside the rows from now on. Null: nothing.
  void SetJournal(std::shared_ptr<const JournalRules> rules) { journal_ = std::move(rules); }
  const std::shared_ptr<const JournalRules>& journal() const { return journal_; }

  /// Another number whenever somebody else has changed holds, answers, cycle notes, definitions or indexes,
  /// and the same after what this store itself wrote. What is kept of them in memory is as good as its
  /// number. A change of metadata rows by hand need not show: those are read afresh.
  virtual absl::StatusOr<std::int64_t> ReadDataVersion() = 0;

  /// The present committed state, for reading while later commits go on. Errors: kFailedPrecondition while a
  /// new mirror is being built.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() = 0;

  /// A new mirror is being built: a crash loses its rows, and with them the running cycle. The plan that ends
  /// that cycle makes all of it durable.
  virtual bool IsBuilding() = 0;
  /// Whether what was committed last is as safe as this store is to keep it. Not while it IsBuilding().
  virtual bool IsDurable() = 0;
  /// OK: so is all that was ever committed and seen, whoever committed it, but what may wait
  /// (Kept::kWithNext); or the store IsBuilding(). For answers by which a source forgets its history. Errors:
  /// kUnavailable with what is missing.
  virtual absl::Status MakeDurable() = 0;

 private:
  std::shared_ptr<const JournalRules> journal_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_H_
