#include "server/store/postgres/place/own_names.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/db/postgres/failure.h"
#include "base/db/postgres/pipeline.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

constexpr char kHolding[] = "locking the mirror's schema";

}  // namespace

postgres::OwnRelations OwnOf(const std::string& context_id, const PostgresOwnTables& names) {
  return {.schema = names.schema_name,
          .tables = {MetadataOf(context_id), "_mirror_tenant", "_mirror_schema", "_mirror_state",
                     "_mirror_receipts", "_mirror_hooks", "_mirror_documents", "_mirror_journal",
                     "_mirror_floor", "_mirror_history"},
          .views = {"_mirror_freshness", "_mirror_commits"},
          .indexes = {"_mirror_journal_heads"}};
}

postgres::OwnRelations TenantOf(const std::string& schema) {
  return {.schema = schema, .tables = {"_mirror_tenant"}};
}

MirrorGuard::MirrorGuard(const postgres::OwnRelations& own, PlaceKind kind)
    : own_(own),
      hold_(kind == PlaceKind::kCitus ? ""
                                      : absl::StrCat("LOCK TABLE ", Qualified(own.schema, "_mirror_tenant"),
                                                     " IN ACCESS SHARE MODE")) {}

void MirrorGuard::QueueIn(postgres::Pipeline& pipeline) const {
  if (!hold_.empty()) pipeline.Queue(hold_, {}, kHolding);
  own_.QueueIn(pipeline);
}

absl::StatusOr<postgres::Rows> MirrorGuard::Query(postgres::Connection& connection, const std::string& sql,
                                                  const char* doing) const {
  absl::Status failed;
  {
    postgres::Transaction reading(connection);
    postgres::Pipeline pipeline(connection);
    reading.Begin(pipeline, {.read_only = true});
    QueueIn(pipeline);
    const auto at = static_cast<std::size_t>(pipeline.Queue(sql, {}, doing));
    absl::StatusOr<std::vector<postgres::Rows>> rows = reading.Commit(pipeline, doing);
    if (rows.ok()) return std::move((*rows)[at]);
    failed = rows.status();
  }
  return Explain(connection, failed);
}

absl::Status MirrorGuard::Explain(postgres::Connection& connection, const absl::Status& failed) const {
  if (failed.ok() || !connection.IsOpen()) return failed;
  const absl::Status found = Find(connection).status();
  if (postgres::IsForeign(found)) return found;
  if (!postgres::OwnGuard::IsRefusal(failed)) return failed;
  return absl::UnavailableError(
      "an object of another role had one of the mirror's names, and no longer has it. Nothing was applied; "
      "the same call again is safe.");
}

absl::Status OwnTransaction::Begin(const postgres::BeginAs& as) {
  postgres::Pipeline pipeline(connection_);
  transaction_.Begin(pipeline, as);
  guard_.QueueIn(pipeline);
  const absl::Status begun = pipeline.Run().status();
  if (begun.ok()) return begun;
  if (connection_.InTransaction()) transaction_.RollBack().IgnoreError();
  return ToStoreStatus(guard_.Explain(connection_, begun), TableOwner::kOwnTable);
}

absl::Status OwnTransaction::Commit() { return ToStoreStatus(transaction_.Commit(), TableOwner::kOwnTable); }

const char kNotOurTablesSql[] =
    "SELECT w.name FROM unnest($2::text[]) AS w (name) WHERE NOT EXISTS (SELECT FROM pg_class AS c WHERE "
    "c.relnamespace = to_regnamespace($1) AND c.relname = w.name::name AND c.relkind IN ('r', 'p') AND "
    "c.relowner = (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user))";

absl::Status HoldTable(postgres::Connection& connection, PlaceKind kind, const PostgresOwnTables& names,
                       const std::string& table) {
  const std::string doing = absl::StrCat("reading table '", table, "'");
  postgres::Array named = postgres::TextArray(std::vector{table});
  postgres::Pipeline pipeline(connection);
  if (kind == PlaceKind::kPlain) {
    pipeline.Queue(
        absl::StrCat("LOCK TABLE ONLY ", Qualified(names.schema_name, table), " IN ACCESS SHARE MODE"), {},
        doing);
  }
  pipeline.Queue(kNotOurTablesSql, {names.schema, named.value()}, doing);
  ASSIGN_OR_RETURN(const auto rows, ToStoreStatus(pipeline.Run(), TableOwner::kMirroredTable));
  if (rows.back().rows() == 0) return absl::OkStatus();
  const postgres::OwnGuard own({.schema = names.schema_name, .shared = {table}});
  return ToStoreStatus(own.Find(connection).status(), TableOwner::kMirroredTable);
}

absl::Status HoldMirror(postgres::Connection& connection, PlaceKind kind, const PostgresOwnTables& names,
                        Frees frees) {
  absl::Status locked;
  if (kind == PlaceKind::kPlain) {
    const char* const mode = frees == Frees::kItsName ? "ACCESS EXCLUSIVE" : "ACCESS SHARE";
    postgres::Savepoint savepoint(connection);
    RETURN_IF_ERROR(ToStoreStatus(savepoint.Begin(), TableOwner::kOwnTable));
    locked = connection.Execute(absl::StrCat("LOCK TABLE ", names.tenant, " IN ", mode, " MODE"), kHolding);
    const absl::Status ended = locked.ok() ? savepoint.Release() : savepoint.RollBack();
    if (!ended.ok()) return ToStoreStatus(ended, TableOwner::kOwnTable);
  }
  const auto ours = postgres::OwnGuard(TenantOf(names.schema_name)).Find(connection);
  if (!ours.ok()) return ToStoreStatus(ours.status(), TableOwner::kOwnTable);
  // A damaged mirror may have lost its table.
  const bool is_missing = postgres::TroubleOf(locked) == postgres::Trouble::kUndefined;
  return is_missing ? absl::OkStatus() : ToStoreStatus(locked, TableOwner::kOwnTable);
}

std::string OwnViewsSql(std::string_view schema) {
  return absl::StrCat(
      "SELECT v.oid FROM pg_class AS v JOIN pg_rewrite AS w ON w.ev_class = v.oid JOIN pg_depend AS e ON "
      "e.classid = 'pg_rewrite'::regclass AND e.objid = w.oid AND e.refclassid = 'pg_class'::regclass JOIN "
      "pg_class AS o ON o.oid = e.refobjid AND o.relnamespace = v.relnamespace AND o.relowner = v.relowner "
      "AND o.relkind = 'r' AND o.relname ~ '^_mirror_(journal|versions_[0-9]+)$' WHERE v.relkind = 'v' AND "
      "v.relnamespace = ",
      std::string(schema));
}

}  // namespace mirror
