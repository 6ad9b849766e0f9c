#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_MIRROR_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_MIRROR_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/db/postgres/pool.h"
#include "base/db/postgres/transaction.h"
#include "proto/wire/key_range.h"
#include "server/store/postgres/began.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/place_words.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/postgres/postgres_store.h"
#include "server/store/postgres/rows/write_set.h"
#include "server/store/postgres/seen_marks.h"
#include "server/store/postgres/work_view.h"
#include "server/store/store_upkeep.h"

namespace mirror {

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
