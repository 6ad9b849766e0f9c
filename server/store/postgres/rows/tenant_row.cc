#include "server/store/postgres/rows/tenant_row.h"

#include <array>
#include <cstddef>
#include <random>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/mirror_records.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr char kReadingTenant[] = "reading the tenant's row";
using Of = ColumnsOf<TenantRow>;
constexpr std::array kPlaceColumns = {
    Of::Member<&TenantRow::layout>("layout"),
    Of::Member<&TenantRow::layout_min>("layout_min"),
    Of::Member<&TenantRow::program>("program"),
    Of::Member<&TenantRow::epoch>("epoch"),
    Of::Member<&TenantRow::state>("state"),
    Of::Member<&TenantRow::moved_to>("moved_to"),
    Of::Member<&TenantRow::rev>("rev", {.default_sql = "0"}),
    Of::Member<&TenantRow::state_rev>("state_rev", {.default_sql = "0"}),
    Of::Member<&TenantRow::timeline>("timeline"),
    Of::Member<&TenantRow::self_oid>("self_oid", {.postgres = "oid NOT NULL"}),
    Of::Member<&TenantRow::next_id>("next_id", {.default_sql = "1"}),
};

/// The columns of the row in a schema, after those of TenantTable().
const Record<TenantRow>& PlaceTable() {
  static const Record<TenantRow> record("_mirror_tenant", kPlaceColumns);
  return record;
}

const std::string& Columns() {
  static const std::string columns = absl::StrCat(TenantTable().Names(), ", ", PlaceTable().Names());
  return columns;
}

/// These two return the position of the first column of PlaceTable(), and of the first one after its columns.
int OfPlace() { return static_cast<int>(TenantTable().columns().size()); }
int BehindColumns() { return OfPlace() + static_cast<int>(kPlaceColumns.size()); }

absl::StatusOr<TenantRow> RowOf(const postgres::Rows& rows) {
  ASSIGN_OR_RETURN(TenantRow row, ReadRow(PlaceTable(), rows, 0, OfPlace()));
  ASSIGN_OR_RETURN(row.tenant, ReadRow(TenantTable(), rows, 0));
  return row;
}

/// Returns the group in a text like "2/00000001"; empty: the text is not from Citus.
std::string_view NodeIn(std::string_view timeline) {
  const std::size_t slash = timeline.find('/');
  return slash == std::string_view::npos ? std::string_view() : timeline.substr(0, slash);
}

}  // namespace

std::string TenantColumnsSql() {
  return absl::StrCat(TenantTable().ColumnsSql(Dialect::kPostgres), ", ",
                      PlaceTable().ColumnsSql(Dialect::kPostgres));
}

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
  // A standby writes no WAL. Without the CASE it would report another kind of error.
  return absl::StrCat("SELECT ", Columns(), ", CASE WHEN pg_is_in_recovery() THEN '' ELSE ",
                      "left(pg_walfile_name(pg_current_wal_lsn()), 8) END, tableoid FROM ", names.tenant,
                      lock ? " FOR UPDATE" : "");
}

absl::StatusOr<TenantRow> LockTenant(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto rows = connection.Query(LockTenantSql(names), {}, "taking the tenant's row");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return LockedTenantOf(*rows, names);
}

absl::StatusOr<TenantRow> LockedTenantOf(const postgres::Rows& rows, const PostgresOwnTables& names) {
  if (rows.rows() != 1) {
    return absl::DataLossError(absl::StrCat(names.tenant, " has ", rows.rows(),
                                            " rows instead of one: restore the mirror from a ",
                                            "backup, or reset it with 'mirrorctl reset'"));
  }
  ASSIGN_OR_RETURN(TenantRow row, RowOf(rows));
  row.timeline_now = rows.Text(0, BehindColumns());
  row.self_oid_now = static_cast<std::uint32_t>(rows.Int(0, BehindColumns() + 1));
  return row;
}

std::string SelectTenantSql(const PostgresOwnTables& names) {
  return absl::StrCat("SELECT ", Columns(), " FROM ", names.tenant);
}

absl::StatusOr<std::optional<TenantRow>> SelectedTenantOf(const postgres::Rows& rows) {
  if (rows.rows() == 0) return std::nullopt;
  return RowOf(rows);
}

absl::StatusOr<std::optional<TenantRow>> SelectTenant(postgres::Connection& connection,
                                                      const PostgresOwnTables& names) {
  const auto rows = connection.Query(SelectTenantSql(names), {}, kReadingTenant);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  return SelectedTenantOf(*rows);
}

absl::Status FenceEpoch(postgres::Connection& connection, const PostgresOwnTables& names,
                        std::int64_t epoch) {
  postgres::Savepoint savepoint(connection);
  if (absl::Status begun = savepoint.Begin(); !begun.ok()) return ToStoreStatus(begun, TableOwner::kOwnTable);
  const absl::Status fenced = connection.Change(absl::StrCat("UPDATE ", names.tenant, " SET epoch = $1"),
                                                {epoch}, "taking the mirror");
  const postgres::Trouble trouble = postgres::TroubleOf(fenced);
  const bool is_damaged = trouble == postgres::Trouble::kUndefined || trouble == postgres::Trouble::kDamage;
  if (!fenced.ok() && !is_damaged) return ToStoreStatus(fenced, TableOwner::kOwnTable);
  return ToStoreStatus(fenced.ok() ? savepoint.Release() : savepoint.RollBack(), TableOwner::kOwnTable);
}

void UpdateTenant(OwnWrites& writes, const PostgresOwnTables& names, const TenantRecord& tenant) {
  static const SqlOfMany update(TenantTable(), TenantTable().UpdateSql(kInSchema));
  writes.Add(update.Of(names.tenant), TenantTable().Write(tenant));
}

std::int64_t NewStateRev() {
  std::random_device device;
  return static_cast<std::int64_t>((std::uint64_t{device()} << 31 ^ device()) & INT64_MAX);
}

absl::Status WriteWhereItIs(postgres::Connection& connection, const PostgresOwnTables& names,
                            TenantRow* row) {
  const absl::Status written =
      connection.Change(absl::StrCat("UPDATE ", names.tenant, " SET timeline = $1, self_oid = $2::text::oid"),
                        {row->timeline_now, absl::StrCat(row->self_oid_now)}, "noting where the mirror is");
  if (!written.ok()) return ToStoreStatus(written, TableOwner::kOwnTable);
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
      "taking a number for an object of the mirror");
  if (!id.ok()) return ToStoreStatus(id.status(), TableOwner::kOwnTable);
  return id;
}

}  // namespace mirror
