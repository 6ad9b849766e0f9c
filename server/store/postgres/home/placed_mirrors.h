#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_MIRRORS_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_MIRRORS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/store/postgres/home/found_schemas.h"
#include "server/store/postgres/place/placement.h"
#include "server/store/postgres/place/postgres_place.h"

namespace mirror {

/// Whether its mirror is there, or is being made.
bool IsThere(const Placement& placement);
/// Whether one may be committed there at any time, or is by now.
bool IsBeingImported(const Placement& placement);
/// kUnavailable, for whoever would have it now.
absl::Status BeingImported(const std::string& context_id);
/// The same of one that was made anew or moved between two looks.
absl::Status BeingChanged(const std::string& context_id);

/// Where a schema stands, for people: "postgres://p1/Mirror_Cust".
std::string LocationOf(const std::string& place, const std::string& schema);
/// Of a schema that is set aside.
std::string AsideName(const std::string& context_id, std::int64_t now_ms, std::int64_t epoch);
/// Errors: kFailedPrecondition: it is the mirror of a tenant whose name differs in case.
absl::Status CheckSpelling(const Placement& placement, const std::string& context_id);

/// In which of the places each mirror stands, and what was known of that last: while the control database is
/// down, mirrors go on where they are. Errors: kUnavailable. Threads: any.
class PlacedMirrors {
 public:
  using Places = std::vector<std::shared_ptr<PostgresPlace>>;
  /// `replicated`: a mirror that comes from elsewhere is served once a standby of its place has it.
  PlacedMirrors(std::shared_ptr<PostgresControl> control, Places places, bool replicated)
      : control_(std::move(control)), places_(std::move(places)), replicated_(replicated) {}

  PostgresControl& control() const { return *control_; }
  const Places& places() const { return places_; }
  bool replicated() const { return replicated_; }
  /// By its name in the configuration.
  absl::StatusOr<PostgresPlace*> PlaceOf(const std::string& name) const;
  /// The same of one that an operator names. Errors: kInvalidArgument, with those that there are.
  absl::StatusOr<PostgresPlace*> PlaceNamed(const std::string& name) const;
  absl::StatusOr<postgres::Lease> Take(const std::string& place, PlaceUse use) const;

  /// As the control database says; while that is down, as it said last of one that is served. An import that
  /// was cut off is ended before.
  absl::StatusOr<std::optional<Placement>> Find(const std::string& context_id) MIRROR_EXCLUDES(mutex_);
  /// The same without asking, where the mirror is known to be there.
  std::optional<Placement> Known(const std::string& context_id) MIRROR_EXCLUDES(mutex_);
  /// The same of all, while the control database is there.
  absl::StatusOr<std::vector<Placement>> List() MIRROR_EXCLUDES(mutex_);

  absl::StatusOr<bool> Move(const std::string& context_id, PlacementState from, PlacementState to)
      MIRROR_EXCLUDES(mutex_);
  /// See MoveThisPlacement() and MovePlacementTo().
  absl::StatusOr<bool> MoveThis(const Placement& placement, PlacementState to) MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<bool> MovePlace(const std::string& context_id, const std::string& from,
                                 const std::string& to, std::int64_t epoch) MIRROR_EXCLUDES(mutex_);
  /// See HoldPlacement().
  absl::StatusOr<bool> Hold(const Placement& placement) MIRROR_EXCLUDES(mutex_);
  /// See MoveLostPlacement() and ForgetMark().
  absl::StatusOr<bool> MoveLost(const Placement& placement) MIRROR_EXCLUDES(mutex_);
  absl::Status ForgetMarkOf(const Placement& placement) MIRROR_EXCLUDES(mutex_);
  /// See BeginDeletingPlacement().
  absl::Status BeginDeleting(const std::string& context_id, PlacementState to, std::int64_t epoch)
      MIRROR_EXCLUDES(mutex_);

  /// Where a new mirror is going to be: where its schema stands already, else where there are the fewest
  /// relations, among places that all servers name.
  struct Room {
    PostgresPlace* place = nullptr;
    bool has_schema = false;
    std::int64_t epoch_min = 1;  ///< Of that schema.
    bool is_left_over = false;   ///< Nobody serves it: a move or a removal that was not ended left it.
  };
  absl::StatusOr<Room> FindRoom(const std::string& context_id) const;
  /// See TakePlacement().
  absl::StatusOr<Placement> TakeRoom(const std::string& context_id, const std::string& place,
                                     std::int64_t epoch_min, const std::string& mark = "")
      MIRROR_EXCLUDES(mutex_);
  /// See TakeForImport() and EndImport().
  absl::StatusOr<std::optional<Placement>> TakeRoomForImport(const std::string& context_id,
                                                             const std::string& place)
      MIRROR_EXCLUDES(mutex_);
  absl::StatusOr<bool> EndImportOf(const Placement& taken, bool is_there) MIRROR_EXCLUDES(mutex_);
  /// Tells the control database of mirrors that it does not know, or not as they are: it was lost, or is
  /// older than they. Places that are closed are left out: see LatePlaces.
  absl::Status TakeInUnknown() MIRROR_EXCLUDES(mutex_);
  /// The same of one place, which is about to open.
  absl::Status TakeInUnknownOf(const PostgresPlace& place, postgres::Connection& connection)
      MIRROR_EXCLUDES(mutex_);
  /// The same of one that is not served where it is said to be. Absent: no place has a later one.
  absl::StatusOr<std::optional<Placement>> FindLater(const Placement& known) MIRROR_EXCLUDES(mutex_);

 private:
  using FoundIn = std::vector<std::pair<std::string, FoundSchema>>;
  absl::Status TakeInAll(FoundIn found) MIRROR_EXCLUDES(mutex_);
  absl::Status TakeIn(const std::string& place, const FoundSchema& found) MIRROR_EXCLUDES(mutex_);
  absl::Status Correct(const Placement& served) MIRROR_EXCLUDES(mutex_);
  absl::Status EndIfCutOff(const Placement& importing) MIRROR_EXCLUDES(mutex_);
  void Remember(const Placement& placement) MIRROR_EXCLUDES(mutex_);
  void Forget(const std::string& context_id) MIRROR_EXCLUDES(mutex_);
  std::optional<Placement> Cached(const std::string& context_id) MIRROR_EXCLUDES(mutex_);

  const std::shared_ptr<PostgresControl> control_;
  const Places places_;
  const bool replicated_;
  Mutex mutex_;
  /// By folded context id. Other servers make, move and delete mirrors: where it matters, Find() asks.
  std::map<std::string, Placement> known_ MIRROR_GUARDED_BY(mutex_);
};

/// Whether a mirror can be made there. Errors: kFailedPrecondition: what was left over stands there.
absl::Status CheckRoom(const PlacedMirrors::Room& room, const std::string& context_id);

/// The kind of a place that the configuration names; else kPlain.
PlaceKind KindOf(const PlacedMirrors& mirrors, const std::string& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_MIRRORS_H_
