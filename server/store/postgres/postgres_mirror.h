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

/// The agreed definitions of a mirror's tables, kept from one transaction to the next. Every commit that
/// changes them, here or at another server, gives the tenant's row a new `state_rev`.
struct DefinitionCache {
  std::optional<std::int64_t> state_rev;  ///< The row's value when these were read; absent: none known.
  std::map<std::string, PostgresAgreed> tables;  ///< By folded name.
  /// The same for tables with kept row versions; absent: not known.
  std::optional<std::map<std::string, PostgresHistory>> histories;
};

/// The mirror's own rows under the tenant's lock. Each row is read once; after a write, reads return the
/// written value. All constructor arguments must outlive the view. Threads: one at a time.
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

  /// Sends the queued statements first, so that later statements see their effect.
  absl::StatusOr<TableWork> Work();

  absl::StatusOr<std::optional<TableRecord>> FindRecord(const std::string& table);
  absl::StatusOr<std::vector<TableRecord>> Records();
  void PutRecord(const TableRecord& record);
  void RemoveRecord(const std::string& table);

  /// Null: nothing is agreed for the table. Does not determine `is_there`.
  absl::StatusOr<PostgresAgreed*> FindAgreed(const std::string& table);
  /// By folded name, with `is_there` determined.
  absl::StatusOr<std::map<std::string, PostgresAgreed>*> Agreed();

  /// Checks that the relation of this name, in the database's spelling, is a table of ours if it exists.
  /// Errors: IsForeign(): the caller must neither read nor write it.
  absl::Status CheckOurs(const std::string& table);

  /// Tables whose row versions are kept, by folded name. A caller that changes one also queues its row.
  absl::StatusOr<std::map<std::string, PostgresHistory>*> Histories();

  const ReceiptHead& receipt_head() const { return began_.head; }
  void AddReceipt(std::uint64_t number, const std::string& text);
  absl::StatusOr<std::optional<OpenReceipt>> FindOpenReceipt(const std::string& table);
  void PutOpenReceipt(const std::string& table, const OpenReceipt& open);

  /// Remembers columns of the table whose values a rule excludes, though the agreement failed. A rollback to
  /// the savepoint does not forget them.
  void EmptyAnyway(const std::string& table, std::vector<std::string> columns);
  /// Called at the end: notes these columns, and resets the table's position.
  absl::Status NoteEmptiedAnyway();

  void SetSavepoint();
  void ReleaseSavepoint();
  void RollBackToSavepoint();

  /// Queues the new revisions if this transaction changes them. Errors: kAborted: a record was written
  /// although the intent said that none would be, so a DBA may have changed it since it was read.
  absl::Status MoveRevisions();
  /// Forgets definitions that were changed and not committed.
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
  std::map<std::string, std::optional<TableRecord>> records_;  ///< By folded name; nullopt: known as absent.
  bool has_all_records_;
  bool knows_presence_ = false;    ///< PostgresAgreed::is_there is as in this transaction.
  bool lent_definitions_ = false;  ///< A caller got a pointer and may have changed one.
  std::map<std::string, std::optional<TableRecord>> undo_;    ///< Values of records_ before the savepoint.
  std::chrono::steady_clock::duration may_wait_ = kWaitsMax;  ///< See TableWork.
  std::size_t savepoint_at_ = 0;                              ///< Count of queued statements there, and
  std::size_t savepoint_sent_ = 0;                            ///< how often some were sent by then.
  ReceiptHead head_at_savepoint_;
  std::map<std::string, std::vector<std::string>> emptied_anyway_;  ///< By table.
};

/// Documents of kSeenKind, see server/journal/seen_mark.h, as a transaction under the tenant's lock read and
/// wrote them. Threads: one at a time.
class SeenMarks {
 public:
  /// Records what was read with the lock: texts by folded name. `tables`: the tables asked for; empty: all.
  void Know(const std::vector<std::string>& tables, const std::map<std::string, std::string>& texts);
  /// Records the changes that were queued.
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
  std::optional<WorkView> view;  ///< Absent: the lock is not taken yet.
  SeenMarks seen;
  std::optional<PostgresKeeping> keeping;  ///< For the rows that are written next.
};

/// An open moment whose batches so far came in the order of their keys.
struct KeptThrough {
  std::int64_t moment = 0;
  Key greatest;  ///< Greatest key of the last batch; empty: there was none.
};

/// State that the parts of a store share. Threads: one at a time.
struct PostgresMirror {
  PostgresPlace& place;
  const std::string context_id;
  const PostgresOwnTables names;
  const PostgresStoreOptions options;
  /// Guards `names`: every use of them begins with it.
  const std::shared_ptr<const MirrorGuard> own;

  std::unique_ptr<PostgresWork> work = nullptr;  ///< Null: no transaction has begun.
  DefinitionCache definitions = {};
  SeenMirror seen = {};
  Stale stale = Stale::kNo;
  bool has_standby = false;                    ///< As of the last transaction's begin, and its end.
  std::optional<std::int64_t> state_rev = {};  ///< The value last read or written.
  std::int64_t version = 0;                    ///< For Store::ReadDataVersion(): counts changes of state_rev.

  bool may_try_again = false;  ///< See StoreTransaction.
  /// By folded name: an index of the mirror's own refused a source row: see DropIndexesOfAnyLength().
  std::set<std::string> refused_rows_of = {};
  /// By folded name: tables whose versions only this store wrote; no other server has written since.
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
  /// For a row that was read without the lock: errors as CheckServed(), which also set `stale`.
  absl::Status NoteServed(const TenantRow& row) {
    absl::Status served = CheckServed(row, seen.epoch);
    if (!served.ok()) stale = Stale::kMoved;
    return served;
  }
  /// Records where the mirror is now. If that is another database, its table definitions are read again.
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

/// Returns the work context for changing definitions or locking a table. If the transaction began for rows
/// only, at a node that may not change tables, this fails: the plan is made again in another transaction.
absl::StatusOr<TableWork> ChangingTables(PostgresMirror& mirror);
/// Works in the transaction of `mirror.work`, which has begun before any call. `mirror` must outlive it.
std::unique_ptr<TableVerbs> MakePostgresTableVerbs(PostgresMirror& mirror);
/// `mirror` must outlive the result.
std::unique_ptr<StoreTransaction> MakePostgresTransaction(PostgresMirror& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_MIRROR_H_
