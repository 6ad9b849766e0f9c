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

/// The result of a transaction's first round trip, read under the tenant's lock.
struct Began {
  TenantRow row;
  std::vector<std::string> tables;   ///< The tables whose records were read; empty: all tables.
  std::vector<TableRecord> records;  ///< With `locks_records`, the rows are also locked against a DBA.
  bool locks_records = true;         ///< False: the transaction writes no record.
  ReceiptHead head;
  std::map<std::string, std::optional<OpenReceipt>> open_receipts;  ///< For `tables`, by folded name.
  std::vector<StateRow> journal;                                    ///< All rows of kJournal.
  std::map<std::string, std::string> seen = {};  ///< Texts of kSeenKind for `tables`, by folded name.
  std::set<std::string> looked_at = {};          ///< The relations of `exact`.
  std::set<std::string> not_ours = {};           ///< The subset that is missing, or is no table of ours.
  bool has_standby = false;                      ///< A commit waits for a standby.
  bool is_elsewhere = false;                     ///< On Citus: the mirror's rows are at another node by now.
};

/// Takes the tenant's lock. `exact`: the intent's tables as the database spells their names. If a server
/// holds the lock, has begun nothing for `hung_after` and sends nothing in one more second, this terminates
/// its connection; its uncommitted work is lost. Errors: kUnavailable, naming who holds the lock; kDataLoss:
/// the row or its table is gone; IsForeign(). Then the caller rolls back.
absl::StatusOr<Began> BeginUnderLock(postgres::Connection& connection, postgres::Transaction& transaction,
                                     const NodeRole& role, const MirrorGuard& own,
                                     const PostgresOwnTables& names, const Intent& intent,
                                     const std::vector<std::string>& exact,
                                     std::chrono::milliseconds hung_after);

/// The state of its mirror that a store read last.
struct SeenMirror {
  std::int64_t epoch = 0;
  std::int64_t rev = 0;
  std::string timeline = {};
  std::uint32_t self_oid = 0;  ///< OID of the tenant's table. Another OID: the rows were restored.
};
/// Checks that the mirror is served here, at `epoch`. Errors: kUnavailable; then the caller must not write.
absl::Status CheckServed(const TenantRow& row, std::int64_t epoch);
/// Tells whether `served`, a result of CheckServed(), means: served elsewhere, or at a later epoch.
bool IsServedElsewhere(const absl::Status& served);
/// Checks that the mirror is the one in `seen`, and that it is served here. Errors: kUnavailable. `stale`
/// gets the reason if opening the mirror again helps.
absl::Status CheckBegan(const TenantRow& row, const SeenMirror& seen, Stale* stale);
/// Returns the error of a transaction whose mirror went back to an earlier state.
absl::Status WentBack();
/// Handles a mirror that went back, under the tenant's lock: records its present database and timeline, and
/// ends its cycle for every server. The restored copy may be from the middle of the cycle that now runs; that
/// cycle must not continue in it. `row` is updated to what this writes.
absl::Status EndRestoredCycle(postgres::Connection& connection, const PostgresOwnTables& names,
                              TenantRow* row);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_BEGAN_H_
