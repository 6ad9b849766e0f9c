#include "server/store/postgres/records/tenant_row.h"

#include <cstddef>
#include <random>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

constexpr char kReadingTenant[] = "reading the tenant's row";
constexpr char kColumns[] =
    "context_id, issuer, environment, source_id, cycle, active, holder, since_ms, progress_ms, "
    "completed_cycle, completed_ms, paused, pause_reason, clock_ms, announced, touched, missed_cycle, "
    "missed_ms, scrub, source_accepted, layout, layout_min, program, epoch, state, moved_to, rev, state_rev, "
    "timeline, self_oid, next_id";
constexpr int kBehindColumns = 31;

TenantRow RowOf(const postgres::Rows& rows) {
  TenantRow row;
  TenantRecord& tenant = row.tenant;
  int at = 0;
  const auto text = [&] { return rows.Text(0, at++); };
  const auto number = [&] { return rows.Int(0, at++); };
  const auto is = [&] { return rows.Bool(0, at++); };
  tenant.context_id = text();
  tenant.issuer = text();
  tenant.environment = text();
  tenant.source_id = text();
  tenant.cycle = number();
  tenant.active = is();
  tenant.holder = text();
  tenant.since_ms = number();
  tenant.progress_ms = number();
  tenant.completed_cycle = number();
  tenant.completed_ms = number();
  tenant.paused = is();
  tenant.pause_reason = text();
  tenant.clock_ms = number();
  tenant.announced = text();
  tenant.touched = is();
  tenant.missed_cycle = number();
  tenant.missed_ms = number();
  tenant.scrub = is();
  tenant.source_accepted = is();
  row.layout = number();
  row.layout_min = number();
  row.program = text();
  row.epoch = number();
  row.state = text();
  if (!rows.IsNull(0, at)) row.moved_to = rows.Text(0, at);
  ++at;
  row.rev = number();
  row.state_rev = number();
  row.timeline = text();
  row.self_oid = static_cast<std::uint32_t>(number());
  row.next_id = number();
  return row;
}

/// Of "2/00000001"; empty: not of Citus.
std::string_view NodeIn(std::string_view timeline) {
  const std::size_t slash = timeline.find('/');
  return slash == std::string_view::npos ? std::string_view() : timeline.substr(0, slash);
}

}  // namespace

bool TenantRow::IsAtAnotherNode() const { return NodeIn(timeline) != NodeIn(timeline_now); }

void NoteNode(const NodeRole& role, TenantRow* row) {
  if (role.group < 0) return;
  if (role.has_rows) {
    row->timeline_now = absl::StrCat(role.group, "/", row->timeline_now);
    return;
  }
  row->timeline_now = row->timeline;
  row->self_oid_now = row->self_oid;
}

std::string LockTenantSql(const PostgresOwnTables& names, bool lock) {
  // A standby writes no log, and says that as an error of another kind.
  return absl::StrCat("SELECT ", kColumns, ", CASE WHEN pg_is_in_recovery() THEN '' ELSE ",
                      "left(pg_walfile_name(pg_current_wal_lsn()), 8) END, tableoid FROM ", names.tenant,
                      lock ? " FOR UPDATE" : "");
}

absl::StatusOr<TenantRow> LockTenant(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto rows = connection.Query(LockTenantSql(names), {}, "taking the tenant's row");
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  return LockedTenantOf(*rows, names);
}

absl::StatusOr<TenantRow> LockedTenantOf(const postgres::Rows& rows, const PostgresOwnTables& names) {
  if (rows.rows() != 1) {
    return absl::DataLossError(absl::StrCat(names.tenant, " has ", rows.rows(),
                                            " rows, and one is the tenant's: restore the mirror from a ",
                                            "backup, or reset it with 'mirrorctl reset'"));
  }
  TenantRow row = RowOf(rows);
  row.timeline_now = rows.Text(0, kBehindColumns);
  row.self_oid_now = static_cast<std::uint32_t>(rows.Int(0, kBehindColumns + 1));
  return row;
}

std::string SelectTenantSql(const PostgresOwnTables& names) {
  return absl::StrCat("SELECT ", kColumns, " FROM ", names.tenant);
}

std::optional<TenantRow> SelectedTenantOf(const postgres::Rows& rows) {
  return rows.rows() == 0 ? std::nullopt : std::optional(RowOf(rows));
}

absl::StatusOr<std::optional<TenantRow>> SelectTenant(postgres::Connection& connection,
                                                      const PostgresOwnTables& names) {
  const auto rows = connection.Query(SelectTenantSql(names), {}, kReadingTenant);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  return SelectedTenantOf(*rows);
}

absl::Status FenceEpoch(postgres::Connection& connection, const PostgresOwnTables& names,
                        std::int64_t epoch) {
  postgres::Savepoint savepoint(connection);
  if (absl::Status begun = savepoint.Begin(); !begun.ok()) return InStoreWords(begun, Touched::kOwnTable);
  const absl::Status fenced =
      connection.Run(absl::StrCat("UPDATE ", names.tenant, " SET epoch = $1"), {epoch}, "taking the mirror")
          .status();
  const postgres::Trouble trouble = postgres::TroubleOf(fenced);
  const bool is_damaged = trouble == postgres::Trouble::kUndefined || trouble == postgres::Trouble::kDamage;
  if (!fenced.ok() && !is_damaged) return InStoreWords(fenced, Touched::kOwnTable);
  return InStoreWords(fenced.ok() ? savepoint.Release() : savepoint.RollBack(), Touched::kOwnTable);
}

void UpdateTenant(OwnWrites& writes, const PostgresOwnTables& names, const TenantRecord& tenant) {
  writes.Add(absl::StrCat(
                 "UPDATE ", names.tenant,
                 " SET issuer = $1, environment = $2, source_id = $3, cycle = $4, active = $5, holder = $6, "
                 "since_ms = $7, progress_ms = $8, completed_cycle = $9, completed_ms = $10, paused = $11, "
                 "pause_reason = $12, clock_ms = $13, announced = $14, touched = $15, missed_cycle = $16, "
                 "missed_ms = $17, scrub = $18, source_accepted = $19"),
             {writes.Keep(tenant.issuer), writes.Keep(tenant.environment), writes.Keep(tenant.source_id),
              tenant.cycle, tenant.active, writes.Keep(tenant.holder), tenant.since_ms, tenant.progress_ms,
              tenant.completed_cycle, tenant.completed_ms, tenant.paused, writes.Keep(tenant.pause_reason),
              tenant.clock_ms, writes.Keep(tenant.announced), tenant.touched, tenant.missed_cycle,
              tenant.missed_ms, tenant.scrub, tenant.source_accepted});
}

std::int64_t NewStateRev() {
  std::random_device device;
  return static_cast<std::int64_t>((std::uint64_t{device()} << 31 ^ device()) & INT64_MAX);
}

absl::Status WriteWhereItIs(postgres::Connection& connection, const PostgresOwnTables& names,
                            TenantRow* row) {
  const absl::Status written =
      connection
          .Run(absl::StrCat("UPDATE ", names.tenant, " SET timeline = $1, self_oid = $2::text::oid"),
               {row->timeline_now, absl::StrCat(row->self_oid_now)}, "noting where the mirror is")
          .status();
  if (!written.ok()) return InStoreWords(written, Touched::kOwnTable);
  row->timeline = row->timeline_now;
  row->self_oid = row->self_oid_now;
  return absl::OkStatus();
}

void WriteRevisions(OwnWrites& writes, const PostgresOwnTables& names, std::int64_t rev,
                    std::int64_t state_rev) {
  writes.Add(absl::StrCat("UPDATE ", names.tenant, " SET rev = $1, state_rev = $2"), {rev, state_rev});
}

absl::StatusOr<std::int64_t> TakeId(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto id = connection.Number(
      absl::StrCat("UPDATE ", names.tenant, " SET next_id = next_id + 1 RETURNING next_id - 1"), {},
      "numbering what the mirror makes");
  if (!id.ok()) return InStoreWords(id.status(), Touched::kOwnTable);
  return id;
}

}  // namespace mirror
