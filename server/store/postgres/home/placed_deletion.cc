#include "server/store/postgres/home/placed_deletion.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "server/store/postgres/home/found_schemas.h"
#include "server/store/postgres/home/schema_removal.h"
#include "server/store/postgres/place/names.h"

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
                                         "deleted; look what is there now, and try again."));
}

/// The deletion was begun, and did not come to its end.
absl::Status StillThere(const std::string& context_id, const absl::Status& why) {
  return absl::Status(
      why.code(),
      absl::StrCat("the mirror of '", context_id,
                   "' takes nothing any more, and its rows are not all gone yet: ",
                   absl::StripSuffix(why.message(), "."), ". To delete it again goes on with that."));
}

PlacementState StateOf(Deleted what) {
  if (what == Deleted::kAll) return PlacementState::kDeleting;
  return what == Deleted::kMirrorOnly ? PlacementState::kDropping : PlacementState::kForgetting;
}

Deleted WhatIsDeleted(PlacementState state) {
  if (state == PlacementState::kForgetting) return Deleted::kForgotten;
  return state == PlacementState::kDropping ? Deleted::kMirrorOnly : Deleted::kAll;
}

/// Those that were set aside of a mirror; in a place that is not its own also what a move left there: a copy,
/// or the one from which it went.
absl::StatusOr<std::vector<SchemaToGo>> ListOthers(postgres::Connection& connection, PlaceKind kind,
                                                   const std::string& context_id, const std::string& schema,
                                                   bool is_its_place) {
  ASSIGN_OR_RETURN(const std::vector<std::string> aside, ListAside(connection, kind, context_id));
  std::vector<SchemaToGo> schemas;
  // Nobody gets one of these names again.
  for (const std::string& name : aside)
    schemas.push_back({name, {.epoch_max = std::numeric_limits<std::int64_t>::max()}});
  if (is_its_place) return schemas;
  ASSIGN_OR_RETURN(const std::optional<FoundSchema> there, FindOurSchema(connection, kind, schema));
  const bool is_left_over = there.has_value() && !there->IsServed();
  if (is_left_over && there->context_id == context_id)
    schemas.push_back({schema, {.epoch_max = there->epoch, .also_served = false}});
  return schemas;
}

/// The mirror's, where all is asked for behind those that were set aside or left: they may stand in other
/// places.
absl::Status ForEachSchema(const PlacedMirrors& mirrors, const Placement& placement, Deleted what,
                           PlaceUse use, const ActOnSchema& act) {
  // Nobody knows where the mirror was to be of a tenant that was deleted before it had one.
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

/// CheckRemovable() of one of which nothing is removed yet.
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

/// The epoch of the schema that stands there, where it is later and the control database says the same as
/// before: that was restored, and is older than the mirror. Absent: there is none.
absl::StatusOr<std::optional<std::int64_t>> FindLaterEpoch(PlacedMirrors& mirrors,
                                                           const Placement& placement) {
  if (placement.place.empty()) return std::optional<std::int64_t>();
  std::optional<FoundSchema> stands;
  {
    ASSIGN_OR_RETURN(const postgres::Lease lease, mirrors.Take(placement.place, PlaceUse::kRead));
    // A damaged one says nothing.
    absl::StatusOr<std::optional<FoundSchema>> found =
        FindSchema(*lease, KindOf(mirrors, placement.place), placement.schema);
    if (found.ok()) stands = *std::move(found);
  }
  if (!stands || stands->epoch <= placement.epoch) return std::optional<std::int64_t>();
  // Whoever makes a mirror anew notes that before the mirror is there.
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
    // While nothing is done yet.
    absl::Status removable = ForEachSchema(mirrors, **found, what, PlaceUse::kRead, MayBeginRemoving);
    if (removable.ok()) removable = ForEachSchema(mirrors, **found, what, PlaceUse::kRead, IsUnlocked);
    if (!removable.ok()) return removable;
  }
  absl::Status begun = mirrors.BeginDeleting(context_id, StateOf(what), epoch);
  if (!begun.ok() || epoch == 0) return begun;
  found = mirrors.Find(context_id);
  if (!found.ok()) return found.status();
  return found->has_value() && (*found)->epoch == epoch ? absl::OkStatus() : WasOvertaken(context_id);
}

absl::Status FinishPlacedDeletion(PlacedMirrors& mirrors, const std::string& context_id) {
  ASSIGN_OR_RETURN(const std::optional<Placement> found, mirrors.Find(context_id));
  // One that came while its deletion was begun was not deleted.
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
  // Where another server was first, it has noted that, and there may be another mirror by now.
  absl::Status marked =
      mirrors.MoveThis(placement, is_forgotten ? PlacementState::kGone : PlacementState::kDeleted).status();
  CrashPoint("delete.after");
  return marked;
}

}  // namespace mirror
