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

// The tenant's own row. Who has it locked writes, on whichever server.

namespace mirror {

struct TenantRow {
  TenantRecord tenant;
  std::int64_t layout = 0, layout_min = 0;
  std::string program;     ///< That made the mirror.
  std::int64_t epoch = 0;  ///< Grows when the mirror is served elsewhere.
  std::string state;       ///< "serving", "moving", "importing", "deleting".
  std::optional<std::string> moved_to;
  std::int64_t rev = 0;        ///< Grows when the row's content does: what is read again tells of a restore.
  std::int64_t state_rev = 0;  ///< Another one when holds, answers, notes or definitions are.
  std::string timeline;        ///< Of the database's log, and
  std::uint32_t self_oid = 0;  ///< of this table, when the row was made: others are of a restored copy.
  std::string timeline_now;    ///< Only of LockTenant().
  std::uint32_t self_oid_now = 0;
  std::int64_t next_id = 0;

  bool IsWhereItWas() const { return timeline == timeline_now && self_oid == self_oid_now; }
  /// Another node has the rows than had them: they were carried there as they are, no commit is missing.
  bool IsAtAnotherNode() const;
};

/// Its columns, for CREATE TABLE.
std::string TenantColumnsSql();

/// On Citus each node has a log and tables of its own. The one that has the rows says whether they went back,
/// and which one it is; for another nothing of that can be told, so the mirror is where it was.
void NoteNode(const NodeRole& role, TenantRow* row);

/// What LockTenant() asks, for a pipeline, and what that gives. Without `lock`: nobody is kept out.
std::string LockTenantSql(const PostgresOwnTables& names, bool lock = true);
absl::StatusOr<TenantRow> LockedTenantOf(const postgres::Rows& rows, const PostgresOwnTables& names);
/// Inside a transaction: nobody else begins one until it ends. Errors: kDataLoss, too: the row is gone.
absl::StatusOr<TenantRow> LockTenant(postgres::Connection& connection, const PostgresOwnTables& names);
/// Absent: the row is gone.
std::string SelectTenantSql(const PostgresOwnTables& names);
/// What that gave.
absl::StatusOr<std::optional<TenantRow>> SelectedTenantOf(const postgres::Rows& rows);
absl::StatusOr<std::optional<TenantRow>> SelectTenant(postgres::Connection& connection,
                                                      const PostgresOwnTables& names);

/// Inside a transaction: whoever writes is waited for, and who waits for the row on another server finds that
/// the mirror is served elsewhere. One that is damaged has nothing to be fenced, as it may be when another
/// one takes its place.
absl::Status FenceEpoch(postgres::Connection& connection, const PostgresOwnTables& names, std::int64_t epoch);

// Inside the transaction of LockTenant().

void UpdateTenant(OwnWrites& writes, const PostgresOwnTables& names, const TenantRecord& tenant);
/// For TenantRow::state_rev: none that anybody has seen, so that a restored mirror does not come by one
/// again.
std::int64_t NewStateRev();
/// It is from now on where it is.
absl::Status WriteWhereItIs(postgres::Connection& connection, const PostgresOwnTables& names, TenantRow* row);
void WriteRevisions(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t rev,
                    std::int64_t state_rev);
/// Of what the mirror numbers: names, holds, hook notes. None is given twice, also when what has it is gone.
absl::StatusOr<std::int64_t> TakeId(postgres::Connection& connection, const PostgresOwnTables& names);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_TENANT_ROW_H_
