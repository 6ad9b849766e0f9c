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

// The tenant's own row. Only the holder of its lock may write to the mirror, on any server.

namespace mirror {

struct TenantRow {
  TenantRecord tenant;
  std::int64_t layout = 0, layout_min = 0;
  std::string program;     ///< Version that made the mirror.
  std::int64_t epoch = 0;  ///< Grows when another place begins to serve the mirror.
  std::string state;       ///< "serving", "moving", "importing", "deleting".
  std::optional<std::string> moved_to;
  std::int64_t rev = 0;        ///< Grows with each change of the row; a lower value shows a restore.
  std::int64_t state_rev = 0;  ///< New when holds, answers, notes or definitions change.
  std::string timeline;        ///< WAL timeline of the database, and
  std::uint32_t self_oid = 0;  ///< oid of this table, at creation: a restored copy differs.
  std::string timeline_now;    ///< Only set by LockTenant().
  std::uint32_t self_oid_now = 0;
  std::int64_t next_id = 0;

  bool IsWhereItWas() const { return timeline == timeline_now && self_oid == self_oid_now; }
  /// Another node has the rows now: they were moved there as they are, so no commit is missing.
  bool IsAtAnotherNode() const;
};

/// Returns its columns, for CREATE TABLE.
std::string TenantColumnsSql();

/// On Citus each node has its own WAL and tables. Only the node with the rows can tell whether they went
/// back. For another node this is unknown, so the mirror counts as being where it was.
void NoteNode(const NodeRole& role, TenantRow* row);

/// The query of LockTenant(), for a pipeline, and how to read its result. Without `lock`: locks nothing.
std::string LockTenantSql(const PostgresOwnTables& names, bool lock = true);
absl::StatusOr<TenantRow> LockedTenantOf(const postgres::Rows& rows, const PostgresOwnTables& names);
/// In a transaction: blocks other writers until it ends. Errors also: kDataLoss: the row is missing.
absl::StatusOr<TenantRow> LockTenant(postgres::Connection& connection, const PostgresOwnTables& names);
/// Absent: the row is missing.
std::string SelectTenantSql(const PostgresOwnTables& names);
/// Reads the result of SelectTenantSql().
absl::StatusOr<std::optional<TenantRow>> SelectedTenantOf(const postgres::Rows& rows);
absl::StatusOr<std::optional<TenantRow>> SelectTenant(postgres::Connection& connection,
                                                      const PostgresOwnTables& names);

/// In a transaction: waits for the present writer. A server that waits for the row then finds that the
/// mirror is served elsewhere. A damaged mirror needs no fence: it may be damaged when another one replaces
/// it.
absl::Status FenceEpoch(postgres::Connection& connection, const PostgresOwnTables& names, std::int64_t epoch);

// For use in the transaction of LockTenant().

void UpdateTenant(OwnWrites& writes, const PostgresOwnTables& names, const TenantRecord& tenant);
/// Returns a TenantRow::state_rev that no server has seen, so that a restored mirror never gets one
/// again.
std::int64_t NewStateRev();
/// Records that the present database and table are the mirror's.
absl::Status WriteWhereItIs(postgres::Connection& connection, const PostgresOwnTables& names, TenantRow* row);
void WriteRevisions(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t rev,
                    std::int64_t state_rev);
/// Returns a number for something of the mirror's: a name, hold or hook note. None is ever assigned twice.
absl::StatusOr<std::int64_t> TakeId(postgres::Connection& connection, const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_TENANT_ROW_H_
