#include "server/store/postgres/home/placed_mirrors.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/home.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/server_rows.h"
#include "server/store/postgres/place/session.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/postgres_import.h"

namespace mirror {
namespace {

Placement PlacementOf(const std::string& place, const FoundSchema& served) {
  return {.context_id = served.context_id,
          .place = place,
          .schema = served.schema,
          .epoch = served.epoch,
          .state = PlacementState::kServing};
}

}  // namespace

bool IsThere(const Placement& placement) {
  return placement.state == PlacementState::kMaking || placement.state == PlacementState::kServing;
}

bool IsBeingImported(const Placement& placement) {
  return placement.state == PlacementState::kImporting || placement.state == PlacementState::kRestoring;
}

absl::Status BeingImported(const std::string& context_id) {
  absl::Status imported = absl::UnavailableError(
      absl::StrCat("the mirror of '", context_id,
                   "' is being imported (made over HTTP, moved or restored), or its import did not end "
                   "because its place did not answer or had no standby. Nothing was done; try again."));
  imported.SetPayload(kChangingPayload, absl::Cord(context_id));
  return imported;
}

absl::Status BeingChanged(const std::string& context_id) {
  absl::Status changed = absl::UnavailableError(absl::StrCat(
      "the mirror of '", context_id, "' was made again or moved just now. Nothing was done; try again."));
  changed.SetPayload(kChangingPayload, absl::Cord(context_id));
  return changed;
}

std::string LocationOf(const std::string& place, const std::string& schema) {
  return absl::StrCat("postgres://", place, "/", schema);
}

std::string AsideName(const std::string& context_id, std::int64_t now_ms, std::int64_t epoch) {
  return absl::StrCat(AsidePrefix(context_id),
                      HexDigest(absl::StrCat(now_ms, " ", epoch)).substr(0, kAsideDigits));
}

absl::Status CheckSpelling(const Placement& placement, const std::string& context_id) {
  if (placement.context_id == context_id) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("the mirror of '", placement.context_id,
                                                    "' is there, and its name differs from '", context_id,
                                                    "' only in case"));
}

absl::StatusOr<PostgresPlace*> PlacedMirrors::PlaceOf(const std::string& name) const {
  for (const auto& place : places_) {
    if (place->options().name == name) return place.get();
  }
  return absl::UnavailableError(absl::StrCat(
      "the mirror is in the place '", name,
      "', which this server's configuration does not name. Nothing was done: name it there and restart."));
}

absl::StatusOr<PostgresPlace*> PlacedMirrors::PlaceNamed(const std::string& name) const {
  if (absl::StatusOr<PostgresPlace*> place = PlaceOf(name); place.ok()) return place;
  std::vector<std::string> names;
  for (const auto& place : places_) names.push_back(absl::StrCat("'", place->options().name, "'"));
  return absl::InvalidArgumentError(absl::StrCat("the configuration names no place '", name,
                                                 "'. Nothing was done. It names ", absl::StrJoin(names, ", "),
                                                 "."));
}

absl::Status CheckRoom(const PlacedMirrors::Room& room, const std::string& context_id) {
  if (!room.is_left_over) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the place '", room.place->options().name, "' has a schema ", QuoteName(SchemaOf(context_id)),
      " that a move or a removal left, and that no server serves. Nothing was made. Rename it, or drop it."));
}

PlaceKind KindOf(const PlacedMirrors& mirrors, const std::string& place) {
  const absl::StatusOr<PostgresPlace*> of = mirrors.PlaceOf(place);
  return of.ok() ? (*of)->options().kind : PlaceKind::kPlain;
}

absl::StatusOr<postgres::Lease> PlacedMirrors::Take(const std::string& place, PlaceUse use) const {
  ASSIGN_OR_RETURN(PostgresPlace* const of, PlaceOf(place));
  return (of)->Take(use);
}

void PlacedMirrors::Remember(const Placement& placement) {
  const MutexLock lock(mutex_);
  known_.insert_or_assign(FoldName(placement.context_id), placement);
}

void PlacedMirrors::Forget(const std::string& context_id) {
  const MutexLock lock(mutex_);
  known_.erase(FoldName(context_id));
}

std::optional<Placement> PlacedMirrors::Cached(const std::string& context_id) {
  const MutexLock lock(mutex_);
  const auto found = known_.find(FoldName(context_id));
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::optional<Placement>> PlacedMirrors::Find(const std::string& context_id) {
  absl::StatusOr<std::optional<Placement>> found = FindPlacement(*control_, context_id);
  if (IsUnknownState(found.status())) return found;
  if (!found.ok()) {
    std::optional<Placement> cached = Cached(context_id);
    if (cached && cached->state == PlacementState::kServing) return cached;
    return found;
  }
  if (found->has_value() && IsBeingImported(**found) && EndIfCutOff(**found).ok()) {
    found = FindPlacement(*control_, context_id);
    if (!found.ok()) return found;
  }
  if (found->has_value()) Remember(**found);
  return found;
}

absl::Status PlacedMirrors::EndIfCutOff(const Placement& importing) {
  bool is_there = false;
  {
    ASSIGN_OR_RETURN(const postgres::Lease lease, Take(importing.place, PlaceUse::kRead));
    ASSIGN_OR_RETURN(const bool runs, ImportRuns(*lease, importing.context_id));
    if (runs) return BeingImported(importing.context_id);
    // Reads the schema after the import has ended. What the import committed is visible, and nothing can
    // follow.
    ASSIGN_OR_RETURN(const auto there, FindSchema(*lease, KindOf(*this, importing.place), importing.schema));
    is_there = there.has_value() && there->IsServed() && there->epoch == importing.epoch &&
               there->context_id == importing.context_id;
  }
  if (is_there && replicated_) {
    ASSIGN_OR_RETURN(const postgres::Lease lease, Take(importing.place, PlaceUse::kWrite));
    RETURN_IF_ERROR(WaitForStandby(*lease));
  }
  return Change(importing.context_id, EndImport, importing, is_there).status();
}

std::optional<Placement> PlacedMirrors::Known(const std::string& context_id) {
  if (std::optional<Placement> cached = Cached(context_id); cached && IsThere(*cached)) return cached;
  absl::StatusOr<std::optional<Placement>> found = Find(context_id);
  if (!found.ok() || !found->has_value() || !IsThere(**found)) return std::nullopt;
  return *std::move(found);
}

absl::StatusOr<std::vector<Placement>> PlacedMirrors::List() {
  ASSIGN_OR_RETURN(std::vector<Placement> all, ListPlacements(*control_));
  for (Placement& placement : all) {
    if (IsBeingImported(placement)) {
      absl::StatusOr<std::optional<Placement>> now = Find(placement.context_id);
      if (now.ok() && now->has_value()) placement = **std::move(now);
    }
    if (placement.state == PlacementState::kUnknown) {
      Forget(placement.context_id);
    } else {
      Remember(placement);
    }
  }
  return all;
}

absl::StatusOr<PlacedMirrors::Room> PlacedMirrors::FindRoom(const std::string& context_id) const {
  const std::string schema = SchemaOf(context_id);
  ASSIGN_OR_RETURN(const std::vector<ServerRow> servers, ListServers(*control_));
  Room best;
  std::int64_t fewest = 0;
  std::vector<std::string> full;
  for (const auto& place : places_) {
    ASSIGN_OR_RETURN(const postgres::Lease lease, place->Take(PlaceUse::kRead));
    ASSIGN_OR_RETURN(const auto there, FindSchema(*lease, place->options().kind, schema));
    if (there.has_value()) return Room{place.get(), true, there->epoch, !there->IsServed()};
    if (FindWithoutPlace(servers, place->options().name) != nullptr) continue;
    const auto relations = lease->Number("SELECT count(*) FROM pg_class", {}, "counting relations");
    if (!relations.ok()) return ToStoreStatus(relations.status(), TableOwner::kOwnTable);
    if (*relations >= place->options().relations_max) {
      full.push_back(absl::StrCat("'", place->options().name, "' has ", *relations, " tables and indexes"));
    } else if (best.place == nullptr || *relations < fewest) {
      best.place = place.get();
      fewest = *relations;
    }
  }
  if (best.place != nullptr) return best;
  if (!full.empty()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no place has room for a new mirror: ", absl::StrJoin(full, ", "),
        ". Nothing was made. Give all servers one more [[postgres.place]], or raise relations_max."));
  }
  return absl::UnavailableError(
      "there is no place that all running servers name, so no new mirror can be made. Give all servers the "
      "same [[postgres.place]]s.");
}

absl::StatusOr<Placement> PlacedMirrors::TakeRoom(const std::string& context_id, const std::string& place,
                                                  std::int64_t epoch_min, const std::string& mark) {
  absl::StatusOr<Placement> taken =
      TakePlacement(*control_, context_id, place, SchemaOf(context_id), epoch_min, mark);
  if (taken.ok()) Remember(*taken);
  return taken;
}

absl::Status PlacedMirrors::TakeInUnknown() {
  FoundIn all;
  for (const auto& place : places_) {
    if (!place->is_open()) continue;
    ASSIGN_OR_RETURN(const postgres::Lease lease, place->Take(PlaceUse::kRead));
    ASSIGN_OR_RETURN(const std::vector<FoundSchema> found, ListSchemas(*lease, place->options().kind));
    for (const FoundSchema& one : found) all.emplace_back(place->options().name, one);
  }
  return TakeInAll(std::move(all));
}

absl::Status PlacedMirrors::TakeInUnknownOf(const PostgresPlace& place, postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const std::vector<FoundSchema> found, ListSchemas(connection, place.options().kind));
  FoundIn all;
  for (const FoundSchema& one : found) all.emplace_back(place.options().name, one);
  return TakeInAll(std::move(all));
}

absl::Status PlacedMirrors::TakeInAll(FoundIn all) {
  // If a tenant has several mirrors, takes the latest. Takes one that is being removed only if there is no
  // other.
  std::stable_sort(all.begin(), all.end(), [](const auto& one, const auto& other) {
    if (one.second.is_going != other.second.is_going) return other.second.is_going;
    return one.second.epoch > other.second.epoch;
  });
  for (const auto& [place, found] : all) {
    RETURN_IF_ERROR(TakeIn(place, found));
  }
  return absl::OkStatus();
}

absl::Status PlacedMirrors::TakeIn(const std::string& place, const FoundSchema& found) {
  const auto known = FindPlacement(*control_, found.context_id);
  // The row exists, and the tenant's calls report its unknown state. The other mirrors are served.
  if (IsUnknownState(known.status())) return absl::OkStatus();
  if (!known.ok()) return known.status();
  if (known->has_value()) {
    const bool is_older = (*known)->state == PlacementState::kServing && (*known)->epoch < found.epoch;
    if (!is_older || !found.IsServed()) return absl::OkStatus();
    return Correct(PlacementOf(place, found));
  }
  const auto taken = TakePlacement(*control_, found.context_id, place, found.schema, found.epoch);
  if (!taken.ok()) return taken.status();
  return MovePlacement(*control_, found.context_id, PlacementState::kMaking, PlacementState::kServing)
      .status();
}

absl::Status PlacedMirrors::Correct(const Placement& served) {
  return Change(served.context_id, CorrectPlacement, served).status();
}

absl::StatusOr<std::optional<Placement>> PlacedMirrors::FindLater(const Placement& known) {
  for (const auto& place : places_) {
    ASSIGN_OR_RETURN(const postgres::Lease lease, place->Take(PlaceUse::kRead));
    ASSIGN_OR_RETURN(const auto there, FindOurSchema(*lease, place->options().kind, known.schema));
    const bool is_later = there.has_value() && there->IsServed() && there->epoch > known.epoch;
    if (!is_later || there->context_id != known.context_id) continue;
    Placement served = PlacementOf(place->options().name, *there);
    RETURN_IF_ERROR(Correct(served));
    return served;
  }
  return std::nullopt;
}

}  // namespace mirror
