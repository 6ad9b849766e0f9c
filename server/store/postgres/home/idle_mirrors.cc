#include "server/store/postgres/home/idle_mirrors.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

constexpr char kLookingIntoAll[] = "looking into all mirrors";
/// One statement takes a lock of each of its tables.
constexpr std::size_t kAskedAtOnce = 50;
/// Who asks does so for all places.
constexpr std::chrono::seconds kAnswerOfMany{5};

absl::StatusOr<std::vector<std::string>> ListMirrorSchemas(postgres::Connection& connection) {
  const auto rows = connection.Query(
      "SELECT n.nspname::text FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid WHERE n.nspname "
      "LIKE 'Mirror\\_%' AND c.relname = '_mirror_tenant' AND c.relkind = 'r' ORDER BY 1",
      {}, kLookingIntoAll);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  std::vector<std::string> schemas;
  for (int row = 0; row < rows->rows(); ++row) schemas.push_back(rows->Text(row, 0));
  return schemas;
}

/// What holds of a tenant's row, given the schema in which it stands.
using Condition = std::function<std::string(const std::string& schema)>;

absl::Status Ask(postgres::Connection& connection, const std::vector<std::string>& schemas,
                 const Condition& condition, std::vector<std::string>* found) {
  const std::string sql =
      absl::StrJoin(schemas, " UNION ALL ", [&condition](std::string* out, const std::string& schema) {
        absl::StrAppend(out, "SELECT context_id FROM ", Qualified(schema, "_mirror_tenant"), " WHERE ",
                        condition(schema), " AND state = 'serving' AND moved_to IS NULL");
      });
  const auto rows = connection.Query(sql, {}, kLookingIntoAll);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  for (int row = 0; row < rows->rows(); ++row) found->push_back(rows->Text(row, 0));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FindMirrors(PostgresPlace& place, const Condition& condition) {
  const absl::StatusOr<postgres::Lease> lease = place.Take(PlaceUse::kRead);
  if (!lease.ok()) return lease.status();
  postgres::Connection& connection = **lease;
  connection.SetAnswerWithin(kAnswerOfMany);
  const absl::StatusOr<std::vector<std::string>> schemas = ListMirrorSchemas(connection);
  if (!schemas.ok()) return schemas.status();
  // On Citus each mirror may be another node's, and no statement is of two.
  const std::size_t at_once = place.options().kind == PlaceKind::kCitus ? 1 : kAskedAtOnce;
  std::vector<std::string> found;
  for (auto first = schemas->begin(); first != schemas->end();) {
    const auto last =
        first + std::min(static_cast<std::ptrdiff_t>(at_once), std::distance(first, schemas->end()));
    if (!Ask(connection, {first, last}, condition, &found).ok()) {
      // One may have been dropped meanwhile, or be of somebody else's.
      for (auto one = first; one != last && connection.IsOpen(); ++one) {
        Ask(connection, {*one}, condition, &found).IgnoreError();
      }
    }
    if (!connection.IsOpen()) break;
    first = last;
  }
  return found;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindIdleMirrors(PostgresPlace& place, std::int64_t before_ms) {
  return FindMirrors(place, [before_ms](const std::string&) {
    return absl::StrCat("active AND progress_ms < ", before_ms);
  });
}

absl::StatusOr<std::vector<std::string>> FindMirrorsWithHooks(PostgresPlace& place) {
  return FindMirrors(place, [](const std::string& schema) {
    return absl::StrCat("EXISTS (SELECT FROM ", Qualified(schema, "_mirror_hooks"), ")");
  });
}

}  // namespace mirror
