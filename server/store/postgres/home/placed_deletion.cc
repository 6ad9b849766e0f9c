#include "server/store/postgres/home/placed_deletion.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/crash_point.h"
#include "base/db/postgres/transaction.h"
#include "base/status_macros.h"
#include "server/store/postgres/home/found_schemas.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/own_names.h"
#include "server/store/postgres/place/store_status.h"

namespace mirror {
namespace {

struct SchemaToGo {
  std::string name;
  Removed which;
};
using ActOnSchema =
    std::function<absl::Status(postgres::Connection&, const PostgresOwnTables&, const Removed&, PlaceKind)>;

absl::Status WasOvertaken(const std::string& context_id) {
  return absl::AbortedError(absl::StrCat("the mirror of '", context_id,
                                         "' was deleted or moved by somebody else meanwhile. Nothing was "
                                         "deleted; check where it is now, and try again."));
}

/// Returns the error for a deletion that has begun but is not finished.
absl::Status StillThere(const std::string& context_id, const absl::Status& why) {
  return absl::Status(why.code(),
                      absl::StrCat("the mirror of '", context_id,
                                   "' accepts nothing any more, but not all of its rows are deleted yet: ",
                                   absl::StripSuffix(why.message(), "."), ". Delete it again to continue."));
}

PlacementState StateOf(Deleted what) {
  if (what == Deleted::kAll) return PlacementState::kDeleting;
  return what == Deleted::kMirrorOnly ? PlacementState::kDropping : PlacementState::kForgetting;
}

Deleted WhatIsDeleted(PlacementState state) {
  if (state == PlacementState::kForgetting) return Deleted::kForgotten;
  return state == PlacementState::kDropping ? Deleted::kMirrorOnly : Deleted::kAll;
}

/// Returns the set-aside schemas of a mirror. In a place that is not the mirror's, it also returns what a
/// move left there: a copy, or the former mirror.
absl::StatusOr<std::vector<SchemaToGo>> ListOthers(postgres::Connection& connection, PlaceKind kind,
                                                   const std::string& context_id, const std::string& schema,
                                                   bool is_its_place) {
  ASSIGN_OR_RETURN(const std::vector<std::string> aside, ListAside(connection, kind, context_id));
  std::vector<SchemaToGo> schemas;
  // These names are never used again.
  for (const std::string& name : aside)
    schemas.push_back({name, {.epoch_max = std::numeric_limits<std::int64_t>::max()}});
  if (is_its_place) return schemas;
  ASSIGN_OR_RETURN(const std::optional<FoundSchema> there, FindOurSchema(connection, kind, schema));
  const bool is_left_over = there.has_value() && !there->IsServed();
  if (is_left_over && there->context_id == context_id)
    schemas.push_back({schema, {.epoch_max = there->epoch, .also_served = false}});
  return schemas;
}

/// Calls `act` for each schema. In each place it begins with those that were set aside or left by a move,
/// unless only the mirror itself is deleted. The mirror's own schema comes after them. The schemas may be in
/// different places.
absl::Status ForEachSchema(const PlacedMirrors& mirrors, const Placement& placement, Deleted what,
                           PlaceUse use, const ActOnSchema& act) {
  // If a tenant was deleted before it had a mirror, there is no schema name. Then the name of a new mirror is
  // used.
  const std::string name = placement.schema.empty() ? SchemaOf(placement.context_id) : placement.schema;
  for (const std::shared_ptr<PostgresPlace>& place : mirrors.places()) {
    ASSIGN_OR_RETURN(const postgres::Lease lease, place->Take(use));
    const bool is_its_place = place->options().name == placement.place;
    const PlaceKind kind = place->options().kind;
    absl::StatusOr<std::vector<SchemaToGo>> schemas = std::vector<SchemaToGo>();
    if (what != Deleted::kMirrorOnly)
      schemas = ListOthers(*lease, kind, placement.context_id, name, is_its_place);
    if (!schemas.ok()) return schemas.status();
    if (is_its_place) {
      RETURN_IF_ERROR(CheckIsOf(*lease, kind, placement.context_id, name));
      schemas->push_back({name, {.epoch_max = placement.epoch}});
    }
    for (const SchemaToGo& schema : *schemas) {
      RETURN_IF_ERROR(act(*lease, PostgresOwnTables(placement.context_id, schema.name), schema.which, kind));
    }
  }
  return absl::OkStatus();
}

/// Does CheckRemovable() for a mirror of which nothing has been removed yet.
absl::Status MayBeginRemoving(postgres::Connection& connection, const PostgresOwnTables& names,
                              const Removed&, PlaceKind) {
  absl::Status removable = CheckRemovable(connection, names);
  if (!absl::IsFailedPrecondition(removable)) return removable;
  return absl::FailedPreconditionError(absl::StrCat(removable.message(), " Nothing was deleted."));
}

absl::Status IsUnlocked(postgres::Connection& connection, const PostgresOwnTables& names, const Removed&,
                        PlaceKind) {
  return CheckUnlocked(connection, names);
}

/// Returns the epoch of the existing schema if it is later than that of `placement`, and the control database
/// has not changed meanwhile. Then the control database was restored to a state before the mirror. Absent:
/// there is no such schema.
absl::StatusOr<std::optional<std::int64_t>> FindLaterEpoch(PlacedMirrors& mirrors,
                                                           const Placement& placement) {
  if (placement.place.empty()) return std::optional<std::int64_t>();
  std::optional<FoundSchema> stands;
  {
    ASSIGN_OR_RETURN(const postgres::Lease lease, mirrors.Take(placement.place, PlaceUse::kRead));
    // A damaged schema is ignored.
    absl::StatusOr<std::optional<FoundSchema>> found =
        FindSchema(*lease, KindOf(mirrors, placement.place), placement.schema);
    if (found.ok()) stands = *std::move(found);
  }
  if (!stands || stands->epoch <= placement.epoch) return std::optional<std::int64_t>();
  // A server that makes a mirror anew writes the placement first.
  ASSIGN_OR_RETURN(const std::optional<Placement> now, mirrors.Find(placement.context_id));
  const bool is_same = now.has_value() && IsBeingDeleted(*now) && now->epoch == placement.epoch;
  return is_same ? std::optional(stands->epoch) : std::nullopt;
}

}  // namespace

absl::Status BeginPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id, Deleted what,
                                 std::int64_t epoch) {
  absl::StatusOr<std::optional<Placement>> found = mirrors.Find(context_id);
  if (!found.ok()) return found.status();
  if (epoch != 0 && (!found->has_value() || (*found)->epoch != epoch)) return WasOvertaken(context_id);
  if (found->has_value() && IsBeingImported(**found)) return BeingImported(context_id);
  if (found->has_value() && IsThere(**found)) {
    // These checks come before anything is deleted.
    RETURN_IF_ERROR(ForEachSchema(mirrors, **found, what, PlaceUse::kRead, MayBeginRemoving));
    RETURN_IF_ERROR(ForEachSchema(mirrors, **found, what, PlaceUse::kRead, IsUnlocked));
  }
  absl::Status begun = mirrors.Change(context_id, BeginDeletingPlacement, context_id, StateOf(what), epoch);
  if (!begun.ok() || epoch == 0) return begun;
  found = mirrors.Find(context_id);
  if (!found.ok()) return found.status();
  return found->has_value() && (*found)->epoch == epoch ? absl::OkStatus() : WasOvertaken(context_id);
}

absl::Status FinishPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id) {
  ASSIGN_OR_RETURN(const std::optional<Placement> found, mirrors.Find(context_id));
  // If an import began while a deletion began, the mirror was not deleted.
  if (found.has_value() && IsBeingImported(*found)) return BeingImported(context_id);
  if (!found.has_value() || !IsBeingDeleted(*found)) return absl::OkStatus();
  return FinishDeletionOf(mirrors, *found);
}

absl::Status FinishDeletionOf(PlacedMirrors& mirrors, Placement placement) {
  const absl::StatusOr<std::optional<std::int64_t>> later = FindLaterEpoch(mirrors, placement);
  if (!later.ok()) return StillThere(placement.context_id, later.status());
  Placement removed = placement;
  removed.epoch = later->value_or(placement.epoch);
  const Deleted what = WhatIsDeleted(placement.state);
  absl::Status gone = ForEachSchema(mirrors, removed, what, PlaceUse::kWrite, FenceMirror);
  if (gone.ok()) gone = ForEachSchema(mirrors, removed, what, PlaceUse::kWrite, RemoveSchema);
  if (!gone.ok()) return StillThere(placement.context_id, gone);
  CrashPoint("delete.files_gone");
  const bool is_forgotten = what == Deleted::kForgotten;
  // If another server was faster, it has recorded that, and there may be another mirror already.
  absl::Status marked = mirrors
                            .Change(placement.context_id, MoveThisPlacement, placement,
                                    is_forgotten ? PlacementState::kGone : PlacementState::kDeleted)
                            .status();
  CrashPoint("delete.after");
  return marked;
}

namespace {

constexpr char kRemoving[] = "removing a mirror";
constexpr int kTablesPerStep = 50;
constexpr int kNamedMax = 20;
constexpr int kTimesAgainMax = 10;

/// Lists what PostgreSQL would not drop together with the schema's tables, in PostgreSQL's own words. Also
/// lists what is in the schema but is neither a table of the schema's owner nor a view of the mirror.
/// Everything is read from one snapshot, because to_regnamespace() does not find a schema that another server
/// is dropping. Descriptions do not come from the snapshot: an object that was just dropped has none. So each
/// is read only once.
constexpr char kMirror[] = R"(
WITH mirror AS (SELECT oid, nspowner FROM pg_namespace WHERE nspname = $1),
  ours AS (SELECT oid, reltype, relkind, relname, relowner FROM pg_class
    WHERE relnamespace = (SELECT oid FROM mirror)),
  types AS (SELECT t.oid FROM pg_type t, ours WHERE t.oid = ours.reltype OR t.typelem = ours.reltype
    AND ours.reltype <> 0),
)";
constexpr char kOthers[] = R"(
  found AS MATERIALIZED (
  SELECT CASE WHEN r.ev_class IS NULL THEN pg_describe_object(d.classid, d.objid, d.objsubid)
      ELSE pg_describe_object('pg_class'::regclass, r.ev_class, 0) END AS what
    FROM pg_depend d LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    WHERE d.deptype = 'n' AND (
        d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM ours)
        OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT oid FROM types))
      AND coalesce(r.ev_class, 0) NOT IN (SELECT oid FROM views)
      AND NOT (d.classid = 'pg_attrdef'::regclass
        AND d.objid IN (SELECT oid FROM pg_attrdef WHERE adrelid IN (SELECT oid FROM ours)))
      AND NOT (d.classid = 'pg_constraint'::regclass AND d.objid IN (
        SELECT oid FROM pg_constraint WHERE contype <> 'f' AND conrelid IN (SELECT oid FROM ours)))
      AND NOT (d.classid = 'pg_policy'::regclass
        AND d.objid IN (SELECT oid FROM pg_policy WHERE polrelid IN (SELECT oid FROM ours)))
  UNION
  SELECT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d
    WHERE d.deptype = 'n' AND d.refclassid = 'pg_namespace'::regclass
      AND d.refobjid = (SELECT oid FROM mirror)
      AND NOT (d.classid = 'pg_class'::regclass AND d.objid IN (
        SELECT oid FROM ours WHERE relkind IN ('r', 'i', 't')
          AND relowner = (SELECT nspowner FROM mirror)
        UNION SELECT oid FROM views)))
SELECT what FROM found WHERE what IS NOT NULL ORDER BY what)";

/// Returns SQL that selects the mirror's own views.
std::string Views() {
  return absl::StrCat(
      "views AS (SELECT oid FROM ours WHERE relname = '_mirror_freshness' AND relkind = 'v' AND relowner = "
      "(SELECT nspowner FROM mirror) UNION ",
      OwnViewsSql("(SELECT oid FROM mirror)"), ")");
}

/// Servers that remove the same schema do so one after another. A server that finds a mirror to remove keeps
/// it locked until its transaction ends. As long as the mirror exists, no other mirror can get its name.
constexpr char kLock[] = "SELECT pg_advisory_xact_lock(hashtextextended('mirror-server removes ' || $1, 0))";
constexpr char kIsToGo[] = "epoch <= $1 AND ($2 OR state <> 'serving' OR moved_to IS NOT NULL)";

absl::Status Drop(postgres::Connection& connection, const std::string& what) {
  return ToStoreStatus(connection.Execute(absl::StrCat("DROP ", what), kRemoving),
                       TableOwner::kMirroredTable);
}

/// Returns the first column of the first kNamedMax rows.
std::vector<std::string> NamesIn(const postgres::Rows& rows) {
  std::vector<std::string> names;
  for (int row = 0; row < std::min(rows.rows(), kNamedMax); ++row) names.push_back(rows.Text(row, 0));
  return names;
}

/// Returns whether the mirror is to be removed. Runs in a transaction. A mirror whose row cannot be read is
/// removed: if another mirror had replaced it, its row could be read. Readers and writers lock the tenant's
/// table first. So this function locks it first, too, and waits for them without a deadlock.
absl::StatusOr<bool> IsToGo(postgres::Connection& connection, const PostgresOwnTables& names,
                            const Removed& which, PlaceKind kind) {
  RETURN_IF_ERROR(HoldMirror(connection, kind, names, Frees::kNothing));
  postgres::Savepoint savepoint(connection);
  if (absl::Status begun = savepoint.Begin(); !begun.ok()) return ToStoreStatus(begun, TableOwner::kOwnTable);
  const auto others =
      connection.Number(absl::StrCat("SELECT count(*) FROM ", names.tenant, " WHERE NOT (", kIsToGo, ")"),
                        {which.epoch_max, which.also_served}, kRemoving);
  absl::Status met = others.status();
  if (others.ok() && *others == 0)
    met =
        connection.Execute(absl::StrCat("LOCK TABLE ", names.tenant, " IN ACCESS EXCLUSIVE MODE"), kRemoving);
  const absl::Status read = ToStoreStatus(met, TableOwner::kOwnTable);
  if (!read.ok() && !absl::IsDataLoss(read)) return read;
  const absl::Status ended = read.ok() ? savepoint.Release() : savepoint.RollBack();
  if (!ended.ok()) return ToStoreStatus(ended, TableOwner::kOwnTable);
  return !read.ok() || *others == 0;
}

/// Lists the mirror's tables. The tenant's table comes last, because it shows whose schema it is. No row:
/// there is no such schema. A NULL: the schema is empty.
absl::StatusOr<postgres::Rows> ListTables(postgres::Connection& connection, const PostgresOwnTables& names) {
  auto tables = connection.Query(
      absl::StrCat(
          "SELECT c.relname::text FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid "
          "AND c.relkind = 'r' AND c.relowner = n.nspowner WHERE n.nspname = $1 ORDER BY c.relname = "
          "'_mirror_tenant', c.relname LIMIT ",
          kTablesPerStep + 1),
      {names.schema_name}, "looking for the mirror's tables");
  if (!tables.ok()) return ToStoreStatus(tables.status(), TableOwner::kMirroredTable);
  return tables;
}

absl::Status DropViews(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto views = connection.Query(
      absl::StrCat(kMirror, Views(), " SELECT relname::text FROM ours WHERE oid IN (SELECT oid FROM views)"),
      {names.schema_name}, kRemoving);
  if (!views.ok()) return ToStoreStatus(views.status(), TableOwner::kOwnTable);
  std::vector<std::string> drop;
  for (int row = 0; row < views->rows(); ++row) {
    drop.push_back(Qualified(names.schema_name, views->View(row, 0)));
  }
  if (drop.empty()) return absl::OkStatus();
  return Drop(connection, absl::StrCat("VIEW IF EXISTS ", absl::StrJoin(drop, ", ")));
}

/// Drops some of the mirror's tables, or the last ones together with the schema. Returns whether the schema
/// no longer exists.
absl::StatusOr<bool> RemoveStep(postgres::Connection& connection, const PostgresOwnTables& names,
                                const Removed& which, PlaceKind kind, bool is_first) {
  postgres::Transaction transaction(connection);
  RETURN_IF_ERROR(ToStoreStatus(transaction.Begin(), TableOwner::kOwnTable));
  const auto locked = connection.Query(kLock, {names.schema_name}, kRemoving);
  if (!locked.ok()) return ToStoreStatus(locked.status(), TableOwner::kOwnTable);
  ASSIGN_OR_RETURN(const postgres::Rows tables, ListTables(connection, names));
  if (tables.rows() == 0) return true;
  ASSIGN_OR_RETURN(const bool is_to_go, IsToGo(connection, names, which, kind));
  if (!is_to_go) return true;
  if (is_first) {
    RETURN_IF_ERROR(CheckRemovable(connection, names));
    // Objects that were added after the check are not dropped either, because no statement here has CASCADE.
    RETURN_IF_ERROR(DropViews(connection, names));
  }
  std::vector<std::string> step;
  const int count = std::min(tables.rows(), kTablesPerStep);
  for (int row = 0; row < count; ++row) {
    if (!tables.IsNull(row, 0)) step.push_back(Qualified(names.schema_name, tables.View(row, 0)));
  }
  const bool is_last = count == tables.rows();
  std::vector<std::string> drops;
  if (!step.empty()) drops.push_back(absl::StrCat("TABLE IF EXISTS ", absl::StrJoin(step, ", ")));
  // In one transaction with the last table, because an empty schema would belong to no mirror.
  if (is_last) drops.push_back(absl::StrCat("SCHEMA IF EXISTS ", names.schema));
  RETURN_IF_ERROR(Drop(connection, absl::StrJoin(drops, "; DROP ")));
  RETURN_IF_ERROR(ToStoreStatus(transaction.Commit(kRemoving), TableOwner::kMirroredTable));
  return is_last;
}

}  // namespace

absl::Status CheckRemovable(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto rows = connection.Query(absl::StrCat(kMirror, Views(), ",", kOthers), {names.schema_name},
                                     "finding out who uses the mirror's tables");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kMirroredTable);
  if (rows->rows() == 0) return absl::OkStatus();
  std::vector<std::string> named = NamesIn(*rows);
  if (rows->rows() > kNamedMax) named.push_back(absl::StrCat(rows->rows() - kNamedMax, " more"));
  return absl::FailedPreconditionError(absl::StrCat(
      "objects of others depend on the schema ", names.schema, " or are in it: ", absl::StrJoin(named, ", "),
      ". The server never drops them: drop them, or move them away, and try again."));
}

absl::Status CheckUnlocked(postgres::Connection& connection, const PostgresOwnTables& names) {
  const auto rows = connection.Query(
      "SELECT DISTINCT format('process %s of ''%s'' (%s)', a.pid, a.usename, a.application_name) FROM "
      "pg_locks AS l JOIN pg_stat_activity AS a USING (pid) JOIN pg_class AS c ON c.oid = l.relation WHERE "
      "l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND "
      "c.relnamespace = to_regnamespace($1) AND NOT (a.usename = current_user AND "
      "starts_with(a.application_name, 'mirror-server')) ORDER BY 1 LIMIT 20",
      {names.schema}, "finding out who holds locks on the mirror's tables");
  if (!rows.ok()) return ToStoreStatus(rows.status(), TableOwner::kOwnTable);
  if (rows->rows() == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "other sessions hold locks on tables of the schema ", names.schema, ": ",
      absl::StrJoin(NamesIn(*rows), ", "),
      ". Nothing was done. Wait for them, or end them with pg_terminate_backend(), and try again."));
}

absl::Status FenceMirror(postgres::Connection& connection, const PostgresOwnTables& names,
                         const Removed& which, PlaceKind kind) {
  postgres::Transaction transaction(connection);
  RETURN_IF_ERROR(ToStoreStatus(transaction.Begin(), TableOwner::kOwnTable));
  RETURN_IF_ERROR(HoldMirror(connection, kind, names, Frees::kNothing));
  const auto marked =
      connection.Run(absl::StrCat("UPDATE ", names.tenant, " SET state = 'deleting' WHERE ", kIsToGo),
                     {which.epoch_max, which.also_served}, kRemoving);
  const absl::Status fenced =
      ToStoreStatus(marked.ok() ? transaction.Commit(kRemoving) : marked.status(), TableOwner::kOwnTable);
  // A damaged mirror is removed as well, and so are the remains of an unfinished removal.
  return absl::IsDataLoss(fenced) ? absl::OkStatus() : fenced;
}

absl::Status RemoveSchema(postgres::Connection& connection, const PostgresOwnTables& names,
                          const Removed& which, PlaceKind kind) {
  int times_again = 0;
  for (bool is_first = true;; is_first = false) {
    absl::StatusOr<bool> is_gone = RemoveStep(connection, names, which, kind, is_first);
    // Readers and writers may lock the tables in another order. After a deadlock one side must try again.
    while (MayTryAgain(is_gone.status()) && times_again++ < kTimesAgainMax)
      is_gone = RemoveStep(connection, names, which, kind, is_first);
    if (!is_gone.ok() || *is_gone) return is_gone.status();
  }
}

}  // namespace mirror
