#include "server/store/postgres/place/names.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/postgres/name.h"
#include "base/status_macros.h"
#include "server/store/live_rows.h"
#include "server/store/own_names.h"
#include "server/store/postgres/place/types.h"

namespace mirror {
namespace {

constexpr std::size_t kColumnsMax = 1'600;
/// PostgreSQL's own columns in every table.
constexpr std::array<std::string_view, 6> kSystemColumns = {"tableoid", "cmax", "xmax",
                                                            "cmin",     "xmin", "ctid"};

absl::Status CannotHold(const TableSchema& table, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("this endpoint's store is PostgreSQL: table '", table.name,
                                                 "' cannot be mirrored: ", std::string(why)));
}

absl::Status CheckColumn(const TableSchema& table, const Column& column) {
  const std::string named = absl::StrCat("column '", column.name, "' ");
  if (column.name.size() > postgres::kNameBytesMax) {
    return CannotHold(
        table, absl::StrCat(named, "has a name of ", column.name.size(), " bytes, and names have at most ",
                            postgres::kNameBytesMax, ". Rename it at the source, or leave it out."));
  }
  if (std::find(kSystemColumns.begin(), kSystemColumns.end(), column.name) != kSystemColumns.end()) {
    return CannotHold(table, absl::StrCat(named, "has the name of a system column of PostgreSQL. ",
                                          "Rename it at the source, or leave it out."));
  }
  if (column.name == kKindsColumn || column.name == kOwnedColumn) {
    return CannotHold(table, absl::StrCat(named, "has the name of one of the mirror's own columns. ",
                                          "Rename it at the source, or leave it out."));
  }
  if (column.type == Type::kAny && column.key_position != 0) {
    return CannotHold(
        table,
        absl::StrCat(named, "is part of the key and is announced with values of every kind (ANY), which ",
                     "have no common order in PostgreSQL. Declare it with one type at the source (in SQLite ",
                     "INTEGER, REAL, TEXT or BLOB). If it has a type already, some row has a key that is not "
                     "of this type: ",
                     "correct or delete that row."));
  }
  return absl::OkStatus();
}

constexpr char kDroppedPrefix[] = "_mirror_dropped_";

std::string Numbered(const char* begin, std::int64_t id) { return absl::StrCat(begin, id); }

}  // namespace

std::string SchemaOf(std::string_view context_id) { return absl::StrCat("Mirror_", std::string(context_id)); }

std::string MetadataOf(std::string_view context_id) {
  return absl::StrCat(std::string(context_id), "_mirroring");
}

std::string Qualified(std::string_view schema, std::string_view name) {
  return absl::StrCat(QuoteName(schema), ".", QuoteName(name));
}

std::string KeyName(std::int64_t id) { return Numbered("_mirror_key_", id); }
std::string ShadowName(std::int64_t id) { return Numbered("_mirror_shadow_", id); }
std::string DroppedName(std::int64_t id) { return Numbered(kDroppedPrefix, id); }
bool IsDroppedName(std::string_view name) { return absl::StartsWith(std::string(name), kDroppedPrefix); }
std::string VersionsName(std::int64_t id) { return Numbered("_mirror_versions_", id); }

PostgresOwnTables::PostgresOwnTables(std::string_view context_id, std::string_view in_schema)
    : schema_name(in_schema),
      schema(QuoteName(in_schema)),
      metadata(Qualified(in_schema, MetadataOf(context_id))),
      tenant(Qualified(in_schema, "_mirror_tenant")),
      definitions(Qualified(in_schema, "_mirror_schema")),
      state(Qualified(in_schema, "_mirror_state")),
      receipts(Qualified(in_schema, "_mirror_receipts")),
      hooks(Qualified(in_schema, "_mirror_hooks")),
      documents(Qualified(in_schema, "_mirror_documents")),
      freshness(Qualified(in_schema, "_mirror_freshness")),
      journal(Qualified(in_schema, "_mirror_journal")),
      floor(Qualified(in_schema, "_mirror_floor")),
      commits(Qualified(in_schema, "_mirror_commits")),
      history(Qualified(in_schema, "_mirror_history")) {}

absl::Status CheckContextFits(std::string_view context_id) {
  if (context_id.size() <= kPostgresContextIdMax) return CheckContextId(context_id);
  return absl::InvalidArgumentError(absl::StrCat(
      "this endpoint's store is PostgreSQL, where a contextId has at most ", kPostgresContextIdMax,
      " characters; '", std::string(context_id), "' has ", context_id.size()));
}

absl::Status CheckHoldable(const TableSchema& kept, const std::string& context_id) {
  RETURN_IF_ERROR(CheckNotOwnName(kept.name, context_id));
  if (kept.name.size() > postgres::kNameBytesMax) {
    return NotUnderThisName(kept.name, absl::StrCat("this endpoint's store is PostgreSQL, where names have ",
                                                    "at most ", postgres::kNameBytesMax, " bytes"));
  }
  if (kept.preserve_target) {
    return CannotHold(kept,
                      "it asks to keep the partner's columns and rows (preserve_target), which only a SQLite "
                      "mirror does.");
  }
  if (kept.deletes == Deletes::kMark) {
    return CannotHold(kept, "it asks to mark deleted rows (deletes MARK), which only a SQLite mirror does.");
  }
  for (const Column& column : kept.columns) {
    RETURN_IF_ERROR(CheckColumn(kept, column));
  }
  const std::size_t columns = kept.columns.size() + OwnColumns(kept).size() + (HasKinds(kept) ? 1 : 0);
  if (columns > kColumnsMax) {
    return CannotHold(kept, absl::StrCat("including the mirror's own it has ", columns,
                                         " columns, and tables have at most ", kColumnsMax, "."));
  }
  return absl::OkStatus();
}

}  // namespace mirror
