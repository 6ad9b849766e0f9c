#include "server/store/postgres/home/found_schemas.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/own_relations.h"
#include "base/digest.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr char kLooking[] = "finding the mirrors of the place";
constexpr char kAsidePrefix[] = "mirror_aside_";

}  // namespace

std::string AsidePrefix(const std::string& context_id) {
  return absl::StrCat(kAsidePrefix, HexDigest(context_id).substr(0, kAsideDigits), "_");
}

absl::StatusOr<std::optional<FoundSchema>> FindSchema(postgres::Connection& connection, PlaceKind kind,
                                                      const std::string& schema) {
  const MirrorGuard own(TenantOf(schema), kind);
  ASSIGN_OR_RETURN(const auto there, ToStoreStatus(own.Find(connection), TableOwner::kOwnTable));
  if (there.names.empty()) return std::nullopt;
  const auto rows = own.Query(
      connection,
      absl::StrCat("SELECT context_id, epoch, moved_to IS NOT NULL, state = 'importing', state = 'deleting' "
                   "FROM ",
                   Qualified(schema, "_mirror_tenant")),
      kLooking);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  if (rows->rows() != 1) return std::nullopt;
  return FoundSchema{.schema = schema,
                     .context_id = rows->Text(0, 0),
                     .epoch = rows->Int(0, 1),
                     .is_left = rows->Bool(0, 2),
                     .is_copy = rows->Bool(0, 3),
                     .is_going = rows->Bool(0, 4)};
}

absl::StatusOr<std::optional<FoundSchema>> FindOurSchema(postgres::Connection& connection, PlaceKind kind,
                                                         const std::string& schema) {
  absl::StatusOr<std::optional<FoundSchema>> found = FindSchema(connection, kind, schema);
  if (postgres::IsForeign(found.status())) return std::nullopt;
  return found;
}

absl::Status CheckIsOf(postgres::Connection& connection, PlaceKind kind, const std::string& context_id,
                       const std::string& schema) {
  const absl::StatusOr<std::optional<FoundSchema>> there = FindSchema(connection, kind, schema);
  if (postgres::IsForeign(there.status())) return there.status();
  if (!there.ok() || !there->has_value() || (*there)->context_id == context_id) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the control database says that the mirror of '", context_id, "' is schema ",
                   QuoteName(schema), ", which is the mirror of '", (*there)->context_id,
                   "'. Nothing was done. Somebody changed mirror_control.tenant: correct it there."));
}

absl::StatusOr<std::vector<FoundSchema>> ListSchemas(postgres::Connection& connection, PlaceKind kind) {
  const auto names = connection.Query(
      "SELECT n.nspname::text FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner AND r.rolname = "
      "current_user WHERE n.nspname LIKE 'Mirror\\_%' AND EXISTS (SELECT FROM pg_class c WHERE "
      "c.relnamespace "
      "= n.oid AND c.relname = '_mirror_tenant' AND c.relkind = 'r' AND c.relowner = n.nspowner) ORDER BY 1",
      {}, kLooking);
  if (!names.ok()) return ToStoreStatus(names.status(), TableOwner::kOwnTable);
  std::vector<FoundSchema> found;
  for (int row = 0; row < names->rows(); ++row) {
    auto one = FindSchema(connection, kind, names->Text(row, 0));
    // A schema that is damaged, locked, or on a Citus node that is down does not hide the others. Either it
    // is known already, or the next start finds it.
    if (!one.ok() && connection.IsOpen()) continue;
    if (!one.ok()) return one.status();
    // A copy of a schema under another name is not the mirror.
    if (!one->has_value() || (*one)->is_left || (*one)->is_copy) continue;
    if (SchemaOf((*one)->context_id) == (*one)->schema) found.push_back(**std::move(one));
  }
  return found;
}

absl::StatusOr<std::vector<std::string>> ListAside(postgres::Connection& connection, PlaceKind kind,
                                                   const std::string& context_id) {
  const std::string metadata = MetadataOf(context_id), of_tenant = AsidePrefix(context_id);
  const auto rows = connection.Query(
      "SELECT n.nspname::text, starts_with(n.nspname::text, $3) OR coalesce(bool_or(c.relname = $2), false) "
      "FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner AND r.rolname = current_user LEFT JOIN "
      "pg_class c ON c.relnamespace = n.oid AND c.relname IN ($2, '_mirror_tenant') AND c.relkind = 'r' AND "
      "c.relowner = n.nspowner WHERE starts_with(n.nspname::text, $1) GROUP BY 1 HAVING count(c.oid) > 0 OR "
      "starts_with(n.nspname::text, $3) ORDER BY 1",
      {kAsidePrefix, metadata, of_tenant}, kLooking);
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  std::vector<std::string> schemas;
  for (int row = 0; row < rows->rows(); ++row) {
    bool is_its = rows->Bool(row, 1);
    if (!is_its) {
      // Damaged schemas are set aside, too. This one may have lost the table that names its tenant.
      const auto found = FindSchema(connection, kind, rows->Text(row, 0));
      if (!found.ok() && !connection.IsOpen()) return found.status();
      is_its = found.ok() && found->has_value() && (*found)->context_id == context_id;
    }
    if (is_its) schemas.push_back(rows->Text(row, 0));
  }
  return schemas;
}

}  // namespace mirror
