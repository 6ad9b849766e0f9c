#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_TENANT_ROW_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_TENANT_ROW_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/place_node.h"
#include "server/store/postgres/rows/own_writes.h"

// The tenant's own row. Only the server that holds its lock may write to the mirror.

namespace mirror {

struct TenantRow {
  TenantRecord tenant;
  std::int64_t layout = 0, layout_min = 0;
  std::string program;     ///< Version of the program that made the mirror.
  std::int64_t epoch = 0;  ///< Increases when another place begins to serve the mirror.
  std::string state;       ///< "serving", "moving", "importing", "deleting".
  std::optional<std::string> moved_to;
  std::int64_t rev = 0;        ///< Increases with each change of the row. A lower value shows that the row
                               ///< was restored.
  std::int64_t state_rev = 0;  ///< Gets a new value when holds, answers, notes or definitions change.
  std::string timeline;        ///< WAL timeline of the database and
  std::uint32_t self_oid = 0;  ///< oid of this table, when the mirror was made. In a restored copy they
                               ///< differ.
  std::string timeline_now;    ///< The present values. Only LockTenant() sets them.
  std::uint32_t self_oid_now = 0;
  std::int64_t next_id = 0;

  bool IsWhereItWas() const { return timeline == timeline_now && self_oid == self_oid_now; }
  /// Returns whether another node has the rows now. They were moved there unchanged, so no commit is missing.
  bool IsAtAnotherNode() const;
};

/// Returns the columns of the row, for CREATE TABLE.
std::string TenantColumnsSql();

/// Adapts `row` to what the connected node can know. On Citus each node has its own WAL and tables. Only the
/// node with the rows can say whether they were reset to an earlier state. For another node this is unknown,
/// so the row then says that nothing changed.
void NoteNode(const NodeRole& role, TenantRow* row);

/// The query of LockTenant(), for a pipeline, and a function that reads its result. `lock` false: it locks
/// nothing.
std::string LockTenantSql(const PostgresOwnTables& names, bool lock = true);
absl::StatusOr<TenantRow> LockedTenantOf(const postgres::Rows& rows, const PostgresOwnTables& names);
/// Locks and reads the row in a transaction that has begun. Other writers wait until that ends. Errors: also
/// kDataLoss: the row is missing.
absl::StatusOr<TenantRow> LockTenant(postgres::Connection& connection, const PostgresOwnTables& names);
/// The query of SelectTenant(). Absent there: the row is missing.
std::string SelectTenantSql(const PostgresOwnTables& names);
/// Reads the result of SelectTenantSql().
absl::StatusOr<std::optional<TenantRow>> SelectedTenantOf(const postgres::Rows& rows);
absl::StatusOr<std::optional<TenantRow>> SelectTenant(postgres::Connection& connection,
                                                      const PostgresOwnTables& names);

/// Sets the epoch, in a transaction that has begun. Waits for the present writer. A server that waits for the
/// row then finds that the mirror is served elsewhere. Does nothing to a damaged mirror, which may be
/// replaced and needs no fence.
absl::Status FenceEpoch(postgres::Connection& connection, const PostgresOwnTables& names, std::int64_t epoch);

// The following functions are for the transaction of LockTenant().

void UpdateTenant(OwnWrites& writes, const PostgresOwnTables& names, const TenantRecord& tenant);
/// Returns a value for TenantRow::state_rev that no server has seen. So a restored mirror never gets a former
/// value again.
std::int64_t NewStateRev();
/// Records the present database and table as those of the mirror.
absl::Status WriteWhereItIs(postgres::Connection& connection, const PostgresOwnTables& names, TenantRow* row);
void WriteRevisions(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t rev,
                    std::int64_t state_rev);
/// Returns a number for an object of the mirror: a name, hold or hook note. A number is never assigned twice.
absl::StatusOr<std::int64_t> TakeId(postgres::Connection& connection, const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_TENANT_ROW_H_
