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
  std::vector<TableRecord> records;  ///< With `locks_records`, their rows are also locked against changes by
                                     ///< a DBA.
  bool locks_records = true;         ///< False: the transaction writes no record.
  ReceiptHead head;
  std::map<std::string, std::optional<OpenReceipt>> open_receipts;  ///< For `tables`, by folded name.
  std::vector<StateRow> journal;                                    ///< All rows of kJournal.
  std::map<std::string, std::string> seen = {};  ///< Texts of kSeenKind for `tables`, by folded name.
  std::set<std::string> looked_at = {};          ///< The relations of `exact`.
  std::set<std::string> not_ours = {};           ///< Those of them that are missing, or are no tables of
                                                 ///< ours.
  bool has_standby = false;                      ///< A commit waits for a standby.
  bool is_elsewhere = false;                     ///< On Citus: the mirror's rows are at another node now.
};

/// Takes the tenant's lock. `exact`: the intent's tables, as the database spells their names. Another server
/// may hold the lock, without having begun anything for `hung_after`. If that server then sends nothing for
/// one more second, this function terminates its connection, and its uncommitted work is lost. Errors:
/// kUnavailable, with the holder of the lock; kDataLoss: the row or its table is missing; IsForeign(). After
/// an error the caller rolls back.
absl::StatusOr<Began> BeginUnderLock(postgres::Connection& connection, postgres::Transaction& transaction,
                                     const NodeRole& role, const MirrorGuard& own,
                                     const PostgresOwnTables& names, const Intent& intent,
                                     const std::vector<std::string>& exact,
                                     std::chrono::milliseconds hung_after);

/// The state of a mirror when a store read it last.
struct SeenMirror {
  std::int64_t epoch = 0;
  std::int64_t rev = 0;
  std::string timeline = {};
  std::uint32_t self_oid = 0;  ///< OID of the tenant's table. If it differs, the rows were restored.
};
/// Checks that this place serves the mirror, at `epoch`. Errors: kUnavailable: the caller must not write.
absl::Status CheckServed(const TenantRow& row, std::int64_t epoch);
/// Returns whether `served`, a result of CheckServed(), says that the mirror is served elsewhere or at a
/// later epoch.
bool IsServedElsewhere(const absl::Status& served);
/// Checks that the mirror is the one in `seen`, and that this place serves it. Errors: kUnavailable. Sets
/// `stale` to the reason if a new opening of the mirror helps.
absl::Status CheckBegan(const TenantRow& row, const SeenMirror& seen, Stale* stale);
/// Returns the error of a transaction whose mirror was reset to an earlier state.
absl::Status WentBack();
/// Handles a mirror that was reset to an earlier state, under the tenant's lock. Records the present database
/// and timeline. Ends the cycle for every server, because the restored copy may be from the middle of that
/// cycle, which must not continue in it. Updates `row` to what it writes.
absl::Status EndRestoredCycle(postgres::Connection& connection, const PostgresOwnTables& names,
                              TenantRow* row);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_BEGAN_H_
