#include "server/store/postgres/home/idle_mirrors.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

constexpr char kLookingForIdle[] = "looking which cycles are idle";
/// One statement takes a lock of each of its tables.
constexpr std::size_t kAskedAtOnce = 50;
/// Who asks does so for all places.
constexpr std::chrono::seconds kAnswerOfMany{5};

absl::StatusOr<std::vector<std::string>> ListTenantTables(postgres::Connection& connection) {
  const auto rows = connection.Query(
      "SELECT n.nspname::text FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid WHERE n.nspname "
      "LIKE 'Mirror\\_%' AND c.relname = '_mirror_tenant' AND c.relkind = 'r' ORDER BY 1",
      {}, kLookingForIdle);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  std::vector<std::string> tables;
  for (int row = 0; row < rows->rows(); ++row)
    tables.push_back(Qualified(rows->View(row, 0), "_mirror_tenant"));
  return tables;
}

absl::Status Ask(postgres::Connection& connection, const std::vector<std::string>& tables,
                 std::int64_t before_ms, std::vector<std::string>* idle) {
  const std::string sql =
      absl::StrJoin(tables, " UNION ALL ", [](std::string* out, const std::string& table) {
        absl::StrAppend(out, "SELECT context_id FROM ", table,
                        " WHERE active AND progress_ms < $1 AND state = 'serving' AND moved_to IS NULL");
      });
  const auto rows = connection.Query(sql, {before_ms}, kLookingForIdle);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  for (int row = 0; row < rows->rows(); ++row) idle->push_back(rows->Text(row, 0));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindIdleMirrors(PostgresPlace& place, std::int64_t before_ms) {
  const absl::StatusOr<postgres::Lease> lease = place.Take(PlaceUse::kRead);
  if (!lease.ok()) return lease.status();
  postgres::Connection& connection = **lease;
  connection.SetAnswerWithin(kAnswerOfMany);
  const absl::StatusOr<std::vector<std::string>> tables = ListTenantTables(connection);
  if (!tables.ok()) return tables.status();
  // On Citus each mirror may be another node's, and no statement is of two.
  const std::size_t at_once = place.options().kind == PlaceKind::kCitus ? 1 : kAskedAtOnce;
  std::vector<std::string> idle;
  for (auto first = tables->begin(); first != tables->end();) {
    const auto last =
        first + std::min(static_cast<std::ptrdiff_t>(at_once), std::distance(first, tables->end()));
    if (!Ask(connection, {first, last}, before_ms, &idle).ok()) {
      // One may have been dropped meanwhile, or be of somebody else's.
      for (auto one = first; one != last && connection.IsOpen(); ++one) {
        Ask(connection, {*one}, before_ms, &idle).IgnoreError();
      }
    }
    if (!connection.IsOpen()) break;
    first = last;
  }
  return idle;
}

}  // namespace mirror
