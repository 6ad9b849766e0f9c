#ifndef MIRROR_SERVER_STORE_STORE_H_
#define MIRROR_SERVER_STORE_STORE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/receipt.h"
#include "server/plan/plan.h"
#include "server/store/snapshot.h"

namespace mirror {

/// Where a step of a plan can be taken back alone.
enum class Savepoints : std::uint8_t {
  kWhereNeeded,  ///< A step that is alone in its plan goes without, where a savepoint has its price.
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
  /// refuse (named), kInvalidArgument for what cannot be stored. Once it returns, the plan is on disk. While
  /// Store::IsDurable() is false, only its `tenant` and `nonce`, and the end of the cycle, are on disk.
  virtual absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) = 0;
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

  virtual absl::StatusOr<TenantRecord> ReadTenant() = 0;
  /// The metadata row, read afresh.
  virtual absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) = 0;
  /// The agreed definition; absent when the table is not known.
  virtual absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) = 0;
  /// Columns that were dropped in place at the table's present position: the mirror lost their values, but a
  /// source at that position may still have them.
  virtual absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<TableRecord>> ReadTables() = 0;
  /// Tables that still have their agreed columns, but that somebody changed by hand. Looks again only
  /// where a definition changed since the last call.
  virtual absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() = 0;
  /// How many rows of such a table the mirror did not write, as far as the number of all tells. Counts them.
  virtual absl::StatusOr<std::int64_t> CountPartnerRows(const std::string& table) = 0;
  /// Names of all tables that have an agreed definition and are there, with or without a metadata row.
  virtual absl::StatusOr<std::vector<std::string>> AgreedTables() = 0;
  /// Names of tables that were set aside and hold rows that are not live, oldest first: the ones that were
  /// called `table`, or with an empty `table` all. Scans them.
  virtual absl::StatusOr<std::vector<std::string>> SetAside(const std::string& table) = 0;
  virtual absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() = 0;
  /// The indexes and foreign keys that the source announced. Unreadable records are left out.
  virtual absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() = 0;
  /// Indexes that the mirror made itself.
  virtual absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() = 0;
  /// Of the tenant's cycle.
  virtual absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() = 0;
  virtual absl::StatusOr<std::vector<TableCheck>> ReadChecks() = 0;
  /// Oldest first.
  virtual absl::StatusOr<std::vector<Hold>> ReadHolds() = 0;
  virtual absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) = 0;
  /// The oldest that waits for this hook. Absent: none.
  virtual absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) = 0;
  virtual absl::StatusOr<Freshness> ReadFreshness() = 0;
  virtual absl::StatusOr<ReceiptHead> ReadReceiptHead() = 0;
  /// Texts of those with a greater number, oldest first; the last kReceiptsKeptMax are kept.
  virtual absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after,
                                                                std::size_t count_max) = 0;
  /// Errors: kInvalidArgument with the reason when the store cannot hold such a table: its name, a column or
  /// a type.
  virtual absl::Status CheckTable(const TableSchema& table) = 0;

  /// Takes the tenant's writer lock. Who else has it is waited for, up to a bound of the store's; then:
  /// kUnavailable. One at a time.
  virtual absl::StatusOr<std::unique_ptr<StoreWork>> Begin() = 0;

  /// Makes a plan of what the store has, read in the transaction. Absent: there is nothing to be done. It is
  /// asked once more where a step that was alone failed, and then its last plan counts.
  using Planner = std::function<absl::StatusOr<std::optional<Plan>>(const TenantRecord& tenant)>;
  struct Committed {
    Plan plan;
    CommitResult result;
  };
  /// Begins, plans, commits: twice at most. Absent: the planner gave nothing. Errors: the planner's, and
  /// those of Begin() and StoreWork::Commit(); nothing was done.
  absl::StatusOr<std::optional<Committed>> PlanAndCommit(const Planner& planner);
  /// The same for a plan that hangs on nothing that was read.
  absl::StatusOr<CommitResult> Commit(const Plan& plan);

  /// Another number whenever somebody else has written to the database, and the same after what this store
  /// itself wrote. What is kept in memory of others' writes is as good as its number.
  virtual absl::StatusOr<std::int64_t> ReadDataVersion() = 0;

  /// The present committed state, for reading while later commits go on. Errors: kFailedPrecondition while a
  /// new mirror is being built.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() = 0;

  /// False while a new mirror is being built: a crash loses its rows, and with them the running cycle. The
  /// plan that ends that cycle makes all of it durable.
  virtual bool IsDurable() = 0;
  /// Another file or log stands where this one's were opened, or none. Nothing more is written; open it
  /// again.
  virtual bool Replaced() = 0;
  /// Whether the store can be closed and left alone: nothing of it is outside of its own file.
  /// What others' locks keep from it is waited for as long as `patience`.
  ///   kUnavailable  not now: why, and what to do
  ///   kDataLoss     pages are lost, which its log alone may have
  virtual absl::Status CheckWhole(std::chrono::milliseconds patience) = 0;
  /// Rewrites the whole file, so that neither the file nor its log holds deleted data.
  /// Between two commits; takes the time of a copy and, for that long, twice the space. Errors:
  /// kUnavailable (no space, or a reader needs the log): deleted data may still be there; kFailedPrecondition
  /// for an object of the partner that cannot be copied.
  virtual absl::Status Scrub() = 0;
  /// Frees memory that only makes the next call quicker. For a store that is not used for a while.
  virtual void Rest() = 0;
  /// Marks the store as damaged and notes why; the note is there after a reopening, until Release().
  virtual absl::Status Quarantine(const std::string& why) = 0;
  /// Why it is quarantined; empty: it is not. A quarantined store can be read, and closing it changes
  /// nothing.
  virtual std::string Quarantined() = 0;
  virtual absl::Status Release() = 0;
  /// Integrity of the whole database; OK or kDataLoss with what the check said.
  virtual absl::Status CheckIntegrity() = 0;
  /// kDataLoss when a table that the store keeps for itself was dropped.
  virtual absl::Status CheckOwnTables() = 0;
  /// Bytes on disk, log included.
  virtual std::uint64_t BytesOnDisk() = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_STORE_H_
