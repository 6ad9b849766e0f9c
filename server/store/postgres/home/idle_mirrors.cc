#include "server/store/postgres/home/idle_mirrors.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clocks/shared_clock.h"
#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/place_words.h"

namespace mirror {
namespace {

constexpr char kLookingIntoAll[] = "looking into all mirrors";
/// One statement takes a lock of each of its tables.
constexpr std::size_t kAskedAtOnce = 50;
/// Who asks does so for all places.
constexpr std::chrono::seconds kAnswerOfMany{5};

/// Schemas of mirrors. Those of other roles are none, whatever they hold.
constexpr char kMirrorSchemas[] =
    "SELECT n.nspname::text FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner AND r.rolname = "
    "current_user WHERE n.nspname LIKE 'Mirror\\_%' AND 2 = (SELECT count(*) FROM pg_class c WHERE "
    "c.relnamespace = n.oid AND c.relname IN ('_mirror_tenant', '_mirror_hooks') AND c.relkind = 'r' AND "
    "c.relowner = n.nspowner)";

absl::StatusOr<std::vector<std::string>> ListMirrorSchemas(postgres::Connection& connection) {
  const auto rows = connection.Query(absl::StrCat(kMirrorSchemas, " ORDER BY 1"), {}, kLookingIntoAll);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  std::vector<std::string> schemas;
  for (int row = 0; row < rows->rows(); ++row) schemas.push_back(rows->Text(row, 0));
  return schemas;
}

/// A name means from then on what it means now: see HoldSql().
std::string HoldAllSql(const std::vector<std::string>& schemas) {
  return absl::StrCat("LOCK TABLE ",
                      absl::StrJoin(schemas, ", ",
                                    [](std::string* out, const std::string& schema) {
                                      *out += Qualified(schema, "_mirror_tenant");
                                    }),
                      " IN ACCESS SHARE MODE");
}

/// What holds of a tenant's row, given the schema in which it stands.
using Condition = std::function<std::string(const std::string& schema)>;

/// Fails where one of the schemas is no mirror any more: its name may be another role's by now.
absl::Status Ask(postgres::Connection& connection, PlaceKind kind, const std::vector<std::string>& schemas,
                 const Condition& condition, std::vector<std::string>* found) {
  const std::string sql =
      absl::StrJoin(schemas, " UNION ALL ", [&condition](std::string* out, const std::string& schema) {
        absl::StrAppend(out, "SELECT context_id FROM ", Qualified(schema, "_mirror_tenant"), " WHERE ",
                        condition(schema), " AND state = 'serving' AND moved_to IS NULL");
      });
  postgres::Array names(postgres::Type::kText);
  for (const std::string& schema : schemas) names.Add(schema);
  postgres::Transaction reading(connection);
  postgres::Pipeline pipeline(connection);
  reading.Begin(pipeline, {.read_only = true});
  if (kind == PlaceKind::kPlain) pipeline.Queue(HoldAllSql(schemas), {}, kLookingIntoAll);
  pipeline.Queue(
      absl::StrCat("SELECT 1 / CASE WHEN count(*) = cardinality($1::text[]) THEN 1 ELSE 0 END FROM (",
                   kMirrorSchemas, " AND n.nspname = ANY ($1::text[]::name[])) AS ours"),
      {names.value()}, kLookingIntoAll);
  const auto at = static_cast<std::size_t>(pipeline.Queue(sql, {}, kLookingIntoAll));
  const absl::StatusOr<std::vector<postgres::Rows>> rows = reading.Commit(pipeline, kLookingIntoAll);
  if (!rows.ok()) return InStoreWords(rows.status(), Touched::kOwnTable);
  for (int row = 0; row < (*rows)[at].rows(); ++row) found->push_back((*rows)[at].Text(row, 0));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FindMirrors(PostgresPlace& place, const Condition& condition) {
  ASSIGN_OR_RETURN(const postgres::Lease lease, place.Take(PlaceUse::kRead));
  postgres::Connection& connection = *lease;
  connection.SetAnswerWithin(kAnswerOfMany);
  ASSIGN_OR_RETURN(const std::vector<std::string> schemas, ListMirrorSchemas(connection));
  // On Citus each mirror may be another node's, and no statement is of two.
  const std::size_t at_once = place.options().kind == PlaceKind::kCitus ? 1 : kAskedAtOnce;
  std::vector<std::string> found;
  for (auto first = schemas.begin(); first != schemas.end();) {
    const auto last =
        first + std::min(static_cast<std::ptrdiff_t>(at_once), std::distance(first, schemas.end()));
    if (!Ask(connection, place.options().kind, {first, last}, condition, &found).ok()) {
      // One may have been dropped meanwhile, or be of somebody else's.
      for (auto one = first; one != last && connection.IsOpen(); ++one) {
        Ask(connection, place.options().kind, {*one}, condition, &found).IgnoreError();
      }
    }
    if (!connection.IsOpen()) break;
    first = last;
  }
  return found;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindIdleMirrors(PostgresPlace& place, std::int64_t before_ms) {
  // By the clock of the times that stand there: the place may have another one.
  const std::int64_t after_ms = SharedNowMs() + kStoredAheadMaxMs;
  return FindMirrors(place, [=](const std::string&) {
    return absl::StrCat("active AND (progress_ms < ", before_ms, " OR progress_ms > ", after_ms, ")");
  });
}

absl::StatusOr<std::vector<std::string>> FindMirrorsWithHooks(PostgresPlace& place) {
  return FindMirrors(place, [](const std::string& schema) {
    return absl::StrCat("EXISTS (SELECT FROM ", Qualified(schema, "_mirror_hooks"), ")");
  });
}

}  // namespace mirror
