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
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/postgres_store.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/own_writes.h"
#include "server/store/postgres/rows/state_memory.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/tables/history_rows.h"
#include "server/store/postgres/tables/table_work.h"
#include "server/store/store_upkeep.h"

namespace mirror {

/// What is agreed of a mirror's tables, from one transaction to the next. Whoever commits a change of it,
/// here or at another server, gives the tenant's row another `state_rev`.
struct DefinitionCache {
  std::optional<std::int64_t> state_rev;  ///< Of the tenant's row when it was so; absent: nothing is known.
  std::map<std::string, PostgresAgreed> tables;  ///< By folded name.
  /// The same of versions of rows that are kept; absent: not known.
  std::optional<std::map<std::string, PostgresHistory>> histories;
};

/// The mirror's own rows under the tenant's lock: each is read once, and what is written is what is read from
/// then on. All that it is given outlives it. Threads: one at a time.
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

  /// What is queued is sent before, so that statements see it.
  absl::StatusOr<TableWork> Work();

  absl::StatusOr<std::optional<TableRecord>> FindRecord(const std::string& table);
  absl::StatusOr<std::vector<TableRecord>> Records();
  void PutRecord(const TableRecord& record);
  void RemoveRecord(const std::string& table);

  /// Null: nothing is agreed of it. Whether it `is_there` is not looked at.
  absl::StatusOr<PostgresAgreed*> FindAgreed(const std::string& table);
  /// With `is_there`, by folded name.
  absl::StatusOr<std::map<std::string, PostgresAgreed>*> Agreed();

  /// Checks that what has this name, as the database spells it, is a table of ours, if it is there. Errors:
  /// IsForeign(): nothing of it is to be read or written.
  absl::Status CheckOurs(const std::string& table);

  /// Of which tables versions of rows are kept, by folded name. Who changes one queues it, too.
  absl::StatusOr<std::map<std::string, PostgresHistory>*> Histories();

  const ReceiptHead& receipt_head() const { return began_.head; }
  void AddReceipt(std::uint64_t number, const std::string& text);
  absl::StatusOr<std::optional<OpenReceipt>> FindOpenReceipt(const std::string& table);
  void PutOpenReceipt(const std::string& table, const OpenReceipt& open);

  /// Columns of the table whose values a rule keeps out, though its agreement failed: that stays known when
  /// a savepoint is taken back.
  void EmptyAnyway(const std::string& table, std::vector<std::string> columns);
  /// In the end: they are noted, and the table's rows are at no position any more.
  absl::Status NoteEmptiedAnyway();

  void SetSavepoint();
  void ReleaseSavepoint();
  void RollBackToSavepoint();

  /// The revisions that the transaction leaves are queued, where they move. Errors: kAborted: a record was
  /// written that a DBA may have changed since it was read, since the intent said that none would be.
  absl::Status MoveRevisions();
  /// Definitions that were changed and not committed are not known any more.
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
  std::map<std::string, std::optional<TableRecord>> records_;  ///< That are known, or known not to be there.
  bool has_all_records_;
  bool knows_presence_ = false;    ///< PostgresAgreed::is_there is as the transaction found it.
  bool lent_definitions_ = false;  ///< Somebody may have changed one.
  std::map<std::string, std::optional<TableRecord>> undo_;    ///< Of records_, since the savepoint.
  std::chrono::steady_clock::duration may_wait_ = kWaitsMax;  ///< See TableWork.
  std::size_t savepoint_at_ = 0;                              ///< Among what was queued when it had been
  std::size_t savepoint_sent_ = 0;                            ///< sent so often.
  ReceiptHead head_at_savepoint_;
  std::map<std::string, std::vector<std::string>> emptied_anyway_;  ///< By table.
};

/// Documents of kSeenKind, see server/journal/seen_mark.h, as a transaction under the tenant's lock has read
/// and written them. Threads: one at a time.
class SeenMarks {
 public:
  /// What was read with the lock: texts by folded name. `tables`: whose texts were asked for; empty: all.
  void Know(const std::vector<std::string>& tables, const std::map<std::string, std::string>& texts);
  /// What was queued.
  void Put(const std::vector<DocumentChange>& changes);
  /// See JournalVerbs::ReadSeen().
  absl::StatusOr<std::optional<std::string>> Find(WorkView& view, const std::string& table);

 private:
  bool has_all_ = false;
  std::map<std::string, std::optional<std::string>> texts_;  ///< By folded name of the table.
};

/// A transaction that has begun, with the connection that it has until it ends.
struct PostgresWork {
  PostgresWork(ValueRoom::Share taken_room, NodeLease taken)
      : room(std::move(taken_room)), role(taken.role), lease(std::move(taken.lease)), transaction(*lease) {}

  const ValueRoom::Share room;
  const NodeRole role;
  postgres::Lease lease;
  postgres::Transaction transaction;
  std::optional<WorkView> view;  ///< Absent: the lock is not taken yet.
  SeenMarks seen;
  std::optional<PostgresKeeping> keeping;  ///< Of the rows that are written next.
};

/// Of an open moment, whose batches so far came in the order of their keys.
struct KeptThrough {
  std::int64_t moment = 0;
  Key greatest;  ///< Of the last batch; empty: there was none.
};

/// What the parts of a store share. Threads: one at a time.
struct PostgresMirror {
  PostgresPlace& place;
  const std::string context_id;
  const PostgresOwnTables names;
  const PostgresStoreOptions options;
  /// Each use of `names` begins with it.
  const std::shared_ptr<const MirrorGuard> own;

  std::unique_ptr<PostgresWork> work = nullptr;  ///< Null: no transaction has begun.
  DefinitionCache definitions = {};
  SeenMirror seen = {};
  Stale stale = Stale::kNo;
  bool has_standby = false;                    ///< When the last transaction began, and behind it.
  std::optional<std::int64_t> state_rev = {};  ///< That was read or written last.
  std::int64_t version = 0;                    ///< Store::ReadDataVersion(): how often it was another one.

  bool may_try_again = false;  ///< See StoreTransaction.
  /// By folded name: an index of the mirror's own refused a row of theirs, see DropIndexesOfAnyLength().
  std::set<std::string> refused_rows_of = {};
  /// By folded name: what this store alone kept versions of. Nobody else has written since.
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
  /// Of a row that was read without the lock: errors as CheckServed(), and then `stale` says so.
  absl::Status NoteServed(const TenantRow& row) {
    absl::Status served = CheckServed(row, seen.epoch);
    if (!served.ok()) stale = Stale::kMoved;
    return served;
  }
  /// Where the mirror is now. What was known of another database's tables is read again.
  void NoteSeen(const TenantRow& row) {
    if (seen.timeline != row.timeline_now || seen.self_oid != row.self_oid_now) definitions = {};
    seen.rev = row.rev;
    seen.timeline = row.timeline_now;
    seen.self_oid = row.self_oid_now;
  }
  /// `written`: by this store.
  void NoteStateRev(std::int64_t now, bool written = false) {
    if (state_rev && *state_rev != now && !written) ++version;
    state_rev = now;
  }
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_MIRROR_H_
