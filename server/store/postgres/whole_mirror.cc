#include "server/store/postgres/whole_mirror.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/own_schema.h"

namespace mirror {
namespace {

constexpr char kHowToMend[] =
    ", which the mirror keeps for itself: restore the mirror from a backup, or reset it with 'mirrorctl "
    "reset'";

absl::StatusOr<TenantRow> OrLost(std::optional<TenantRow> row, const PostgresOwnTables& names) {
  if (row) return *std::move(row);
  return absl::DataLossError(absl::StrCat("somebody removed the row of ", names.tenant, kHowToMend));
}

}  // namespace

absl::Status CheckOwnRelations(postgres::Connection& connection, const std::string& context_id,
                               const PostgresOwnTables& names) {
  const absl::StatusOr<std::string> lost = FindLost(connection, context_id, names);
  if (!lost.ok() || lost->empty()) return lost.status();
  return absl::DataLossError(
      absl::StrCat("somebody dropped or renamed ", *lost, " in the schema ", names.schema, kHowToMend));
}

absl::StatusOr<TenantRow> ReadTenantRow(postgres::Connection& connection, const PostgresOwnTables& names) {
  ASSIGN_OR_RETURN(std::optional<TenantRow> row, SelectTenant(connection, names));
  return OrLost(std::move(row), names);
}

absl::StatusOr<TenantRow> ReadTenantRow(postgres::Connection& connection, const MirrorGuard& own,
                                        const PostgresOwnTables& names) {
  const auto rows = own.Query(connection, SelectTenantSql(names), "reading the tenant's row");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  ASSIGN_OR_RETURN(std::optional<TenantRow> row, SelectedTenantOf(*rows));
  return OrLost(std::move(row), names);
}

}  // namespace mirror
