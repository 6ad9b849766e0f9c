#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_MIRROR_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_MIRROR_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/pool.h"
#include "base/db/postgres/transaction.h"
#include "proto/wire/key_range.h"
#include "proto/wire/receipt.h"
#include "server/plan/plan.h"
#include "server/plan/receipt_plan.h"
#include "server/store/postgres/began.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/postgres_store.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/postgres/rows/state_memory.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/history_rows.h"
#include "server/store/postgres/tables/table_work.h"
#include "server/store/store_transaction.h"
#include "server/store/store_upkeep.h"

namespace mirror {

/// The agreed definitions of a mirror's tables, kept between transactions. Every commit that changes them, on
/// this server or another, gives the tenant's row a new `state_rev`.
struct DefinitionCache {
  std::optional<std::int64_t> state_rev;  ///< The value in the row when these were read; absent: nothing was
                                          ///< read.
  std::map<std::string, PostgresAgreed> tables;  ///< By folded name.
  /// The same for tables whose row versions are kept; absent: not read.
  std::optional<std::map<std::string, PostgresHistory>> histories;
};

/// The mirror's own rows under the tenant's lock. Each row is read once. After a write, reads return the
/// written value. All constructor arguments must outlive this object. Threads: one at a time.
class WorkView {
 public:
  WorkView(postgres::Connection& connection, const PostgresOwnTables& names, DefinitionCache& definitions,
           Began began);
  WorkView(const WorkView&) = delete;
  WorkView& operator=(const WorkView&) = delete;

  postgres::Connection& connection() { return connection_; }
  const PostgresOwnTables& names() const { return names_; }
  OwnWrites& writes() { return writes_; }
  StateMemory& state() { return state_; }
  const TenantRow& row() const { return began_.row; }
  void PutTenant(const TenantRecord& tenant);
  bool ends_cycle() const { return ends_cycle_; }

  /// Sends the queued statements first, so that later statements see their effects.
  absl::StatusOr<TableWork> Work();

  absl::StatusOr<std::optional<TableRecord>> FindRecord(const std::string& table);
  absl::StatusOr<std::vector<TableRecord>> Records();
  void PutRecord(const TableRecord& record);
  void RemoveRecord(const std::string& table);

  /// Null: no definition is agreed for the table. Does not set `is_there`.
  absl::StatusOr<PostgresAgreed*> FindAgreed(const std::string& table);
  /// Returns all definitions by folded name, with `is_there` set.
  absl::StatusOr<std::map<std::string, PostgresAgreed>*> Agreed();

  /// Checks the relation with exactly this name. If it exists, it must be a table of ours. Errors:
  /// IsForeign(): the caller must neither read nor write it.
  absl::Status CheckOurs(const std::string& table);

  /// Returns the tables whose row versions are kept, by folded name. A caller that changes an entry also
  /// queues its row.
  absl::StatusOr<std::map<std::string, PostgresHistory>*> Histories();

  const ReceiptHead& receipt_head() const { return began_.head; }
  void AddReceipt(std::uint64_t number, const std::string& text);
  absl::StatusOr<std::optional<OpenReceipt>> FindOpenReceipt(const std::string& table);
  void PutOpenReceipt(const std::string& table, const OpenReceipt& open);

  /// Remembers columns of the table whose values a rule excludes, for the case that the agreement fails. A
  /// rollback to the savepoint does not remove them.
  void EmptyAnyway(const std::string& table, std::vector<std::string> columns);
  /// Called at the end: notes these columns for emptying, and resets the table's position.
  absl::Status NoteEmptiedAnyway();

  void SetSavepoint();
  void ReleaseSavepoint();
  void RollBackToSavepoint();

  /// Queues the new revisions if this transaction changes them. Errors: kAborted: a record was written
  /// although the intent said that none would be. A DBA may have changed the record since it was read.
  absl::Status MoveRevisions();
  /// Forgets definitions that were changed but not committed.
  void ForgetDefinitions();

 private:
  absl::Status ReadRecords(const std::vector<std::string>& tables);
  absl::Status ReadDefinitions();
  void KeepForUndo(const std::string& key);

  postgres::Connection& connection_;
  const PostgresOwnTables& names_;
  DefinitionCache& definitions_;
  Began began_;
  OwnWrites writes_;
  StateMemory state_;
  bool tenant_moved_ = false, ends_cycle_ = false, wrote_record_ = false;
  std::map<std::string, std::optional<TableRecord>> records_;  ///< By folded name; nullopt: there is no
                                                               ///< record.
  bool has_all_records_;
  bool knows_presence_ = false;    ///< PostgresAgreed::is_there is set as it is in this transaction.
  bool lent_definitions_ = false;  ///< A caller got a pointer to them and may have changed one.
  std::map<std::string, std::optional<TableRecord>> undo_;    ///< Values of `records_` at the savepoint.
  std::chrono::steady_clock::duration may_wait_ = kWaitsMax;  ///< See TableWork.
  std::size_t savepoint_at_ = 0;                              ///< Number of queued statements at the
                                                              ///< savepoint, and
  std::size_t savepoint_sent_ = 0;                            ///< how often statements had been sent by then.
  ReceiptHead head_at_savepoint_;
  std::map<std::string, std::vector<std::string>> emptied_anyway_;  ///< By table.
};

/// Documents of kSeenKind (see server/journal/seen_mark.h) that a transaction under the tenant's lock read or
/// wrote. Threads: one at a time.
class SeenMarks {
 public:
  /// Records what was read with the lock: texts by folded name. `tables`: the tables that were read; empty:
  /// all.
  void Know(const std::vector<std::string>& tables, const std::map<std::string, std::string>& texts);
  /// Records changes that were queued.
  void Put(const std::vector<DocumentChange>& changes);
  /// See JournalVerbs::ReadSeen().
  absl::StatusOr<std::optional<std::string>> Find(WorkView& view, const std::string& table);

 private:
  bool has_all_ = false;
  std::map<std::string, std::optional<std::string>> texts_;  ///< By folded name of the table.
};

/// A transaction that has begun, and the connection that it holds until it ends.
struct PostgresWork {
  PostgresWork(ValueRoom::Share taken_room, NodeLease taken)
      : room(std::move(taken_room)), role(taken.role), lease(std::move(taken.lease)), transaction(*lease) {}

  const ValueRoom::Share room;
  const NodeRole role;
  postgres::Lease lease;
  postgres::Transaction transaction;
  std::optional<WorkView> view;  ///< Absent: the lock has not been taken.
  SeenMarks seen;
  std::optional<PostgresKeeping> keeping;  ///< How to keep versions of the rows that are written next.
};

/// An open moment in which all batches so far came in the order of their keys.
struct KeptThrough {
  std::int64_t moment = 0;
  Key greatest;  ///< The greatest key of the last batch; empty: there was no batch.
};

/// The state that the parts of a store share. Threads: one at a time.
struct PostgresMirror {
  PostgresPlace& place;
  const std::string context_id;
  const PostgresOwnTables names;
  const PostgresStoreOptions options;
  /// Guards `names`. Every use of them begins with this guard.
  const std::shared_ptr<const MirrorGuard> own;

  std::unique_ptr<PostgresWork> work = nullptr;  ///< Null: no transaction has begun.
  DefinitionCache definitions = {};
  SeenMirror seen = {};
  Stale stale = Stale::kNo;
  bool has_standby = false;                    ///< As of the begin and the end of the last transaction.
  std::optional<std::int64_t> state_rev = {};  ///< The value that was read or written last.
  std::int64_t version = 0;                    ///< For Store::ReadDataVersion(): counts changes of state_rev.

  bool may_try_again = false;  ///< See StoreTransaction.
  /// Folded names of tables in which an index of the mirror's own refused a row, see
  /// DropIndexesOfAnyLength().
  std::set<std::string> refused_rows_of = {};
  /// By folded name: tables whose versions only this store wrote. No other server has written to the mirror
  /// since.
  std::map<std::string, KeptThrough> kept_through = {};

  absl::StatusOr<NodeLease> TakeAt(PlaceUse use, PlaceNode node) const {
    return place.TakeAt(use, node, names.tenant);
  }
  absl::Status Said(const absl::Status& status) {
    may_try_again = may_try_again || MayTryAgain(status);
    return status;
  }
  template <typename T>
  absl::StatusOr<T> Said(absl::StatusOr<T> got) {
    Said(got.status()).IgnoreError();
    return got;
  }
  /// Checks a row that was read without the lock. Errors: those of CheckServed(). They also set `stale`.
  absl::Status NoteServed(const TenantRow& row) {
    absl::Status served = CheckServed(row, seen.epoch);
    if (!served.ok()) stale = Stale::kMoved;
    return served;
  }
  /// Records where the mirror is now. If that is another database, forgets the table definitions, which are
  /// read again.
  void NoteSeen(const TenantRow& row) {
    if (seen.timeline != row.timeline_now || seen.self_oid != row.self_oid_now) definitions = {};
    seen.rev = row.rev;
    seen.timeline = row.timeline_now;
    seen.self_oid = row.self_oid_now;
  }
  /// `written`: this store wrote the new value.
  void NoteStateRev(std::int64_t now, bool written = false) {
    if (state_rev && *state_rev != now && !written) ++version;
    state_rev = now;
  }
};

/// Returns the context for changing definitions or locking a table. Fails if the transaction began for rows
/// only, at a node that may not change tables. Then the plan is made again in another transaction.
absl::StatusOr<TableWork> ChangingTables(PostgresMirror& mirror);
/// Makes verbs that work in the transaction of `mirror.work`, which must have begun before any call. `mirror`
/// must outlive them.
std::unique_ptr<TableVerbs> MakePostgresTableVerbs(PostgresMirror& mirror);
/// `mirror` must outlive the result.
std::unique_ptr<StoreTransaction> MakePostgresTransaction(PostgresMirror& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_MIRROR_H_
