#ifndef MIRROR_SERVER_STORE_POSTGRES_BEGAN_H_
#define MIRROR_SERVER_STORE_POSTGRES_BEGAN_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/transaction.h"
#include "proto/wire/receipt.h"
#include "server/plan/receipt_plan.h"
#include "server/store/intent.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/place_node.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/rows/tenant_row.h"
#include "server/store/store_upkeep.h"

namespace mirror {

/// What the first round trip of a transaction gives, under the tenant's lock.
struct Began {
  TenantRow row;
  std::vector<std::string> tables;   ///< Whose records are here; empty: all are.
  std::vector<TableRecord> records;  ///< With `locks_records` locked against a DBA, too.
  bool locks_records = true;         ///< False: none is to be written.
  ReceiptHead head;
  std::map<std::string, std::optional<OpenReceipt>> open_receipts;  ///< Of `tables`, by folded name.
  std::vector<StateRow> journal;                                    ///< Of kJournal.
  std::map<std::string, std::string> seen = {};  ///< Texts of kSeenKind of `tables`, by folded name.
  std::set<std::string> looked_at = {};          ///< Relations of `exact`.
  std::set<std::string> not_ours = {};           ///< Of these, no tables of ours, or missing.
  bool has_standby = false;                      ///< A commit waits for one.
  bool is_elsewhere = false;                     ///< On Citus: another node has the mirror's rows by now.
};

/// Takes the tenant's lock. `exact`: the intent's tables as the database spells their names. A server that
/// keeps it, has begun nothing for `hung_after` and sends nothing while it is looked at for a second loses
/// its connection, and with it all that it did not commit. Errors: kUnavailable, naming who has the lock;
/// kDataLoss: the row or its table is gone; IsForeign(). The transaction is to be rolled back then.
absl::StatusOr<Began> BeginUnderLock(postgres::Connection& connection, postgres::Transaction& transaction,
                                     const NodeRole& role, const MirrorGuard& own,
                                     const PostgresOwnTables& names, const Intent& intent,
                                     const std::vector<std::string>& exact,
                                     std::chrono::milliseconds hung_after);

/// What a store has seen of its mirror.
struct SeenMirror {
  std::int64_t epoch = 0;
  std::int64_t rev = 0;
  std::string timeline = {};
  std::uint32_t self_oid = 0;  ///< Of the tenant's table: another one's rows were restored.
};
/// Whether it is served where `epoch` was heard of. Errors: kUnavailable, and nothing may be written.
absl::Status CheckServed(const TenantRow& row, std::int64_t epoch);
/// Of a status of that: it may be served from somewhere else, or of a later epoch.
bool IsServedElsewhere(const absl::Status& served);
/// Whether the mirror is the one that was seen, at a place that is served here. Errors: kUnavailable; `stale`
/// then says why, where opening it again helps.
absl::Status CheckBegan(const TenantRow& row, const SeenMirror& seen, Stale* stale);
/// What the caller of a transaction is told of that.
absl::Status WentBack();
/// Of a mirror that went back, under the tenant's lock: notes where it is now, and that its cycle is over,
/// whoever looks next. It may be a copy from the middle of the very cycle that runs, and that must not go on
/// in it. `row` is as it is written.
absl::Status EndRestoredCycle(postgres::Connection& connection, const PostgresOwnTables& names,
                              TenantRow* row);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_BEGAN_H_
