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

/// Returns whether the mirror of this placement exists, or is being made.
bool IsThere(const Placement& placement);
/// Returns whether an import may commit a mirror there at any time, or has already done so.
bool IsBeingImported(const Placement& placement);
/// Returns the kUnavailable error for a caller that needs the mirror now.
absl::Status BeingImported(const std::string& context_id);
/// Returns the error for a mirror that was made anew or moved between two reads of its placement.
absl::Status BeingChanged(const std::string& context_id);

/// Returns a schema's location for messages: "postgres://p1/Mirror_Cust".
std::string LocationOf(const std::string& place, const std::string& schema);
/// Returns the name of a set-aside schema.
std::string AsideName(const std::string& context_id, std::int64_t now_ms, std::int64_t epoch);
/// Checks the spelling. Errors: kFailedPrecondition: the mirror is that of a tenant whose name differs in
/// case.
absl::Status CheckSpelling(const Placement& placement, const std::string& context_id);

/// The place of each mirror. It caches the last known answers, so mirrors stay served where they are while
/// the control database does not answer. Errors: kUnavailable. Threads: any.
class PlacedMirrors {
 public:
  using Places = std::vector<std::shared_ptr<PostgresPlace>>;
  /// `replicated`: an imported or moved mirror is served only when a standby of its place has it.
  PlacedMirrors(std::shared_ptr<PostgresControl> control, Places places, bool replicated)
      : control_(std::move(control)), places_(std::move(places)), replicated_(replicated) {}

  PostgresControl& control() const { return *control_; }
  const Places& places() const { return places_; }
  bool replicated() const { return replicated_; }
  /// Returns the place with this name in the configuration.
  absl::StatusOr<PostgresPlace*> PlaceOf(const std::string& name) const;
  /// Does the same for a name that an operator typed. Errors: kInvalidArgument, with the list of places.
  absl::StatusOr<PostgresPlace*> PlaceNamed(const std::string& name) const;
  absl::StatusOr<postgres::Lease> Take(const std::string& place, PlaceUse use) const;

  /// Reads the placement from the control database. If that does not answer, returns the cached placement of
  /// a served mirror. First ends an import that was interrupted.
  absl::StatusOr<std::optional<Placement>> Find(const std::string& context_id) MIRROR_EXCLUDES(mutex_);
  /// Does the same. But for a mirror that is known to exist it returns the cached placement without a query.
  std::optional<Placement> Known(const std::string& context_id) MIRROR_EXCLUDES(mutex_);
  /// Reads all placements. Needs the control database.
  absl::StatusOr<std::vector<Placement>> List() MIRROR_EXCLUDES(mutex_);

  /// Changes a placement by a function of placement.h, which gets the control database and `args`. Then
  /// forgets the cached placement.
  template <typename Function, typename... Args>
  auto Change(const std::string& context_id, const Function& function, const Args&... args)
      MIRROR_EXCLUDES(mutex_) {
    auto answer = function(*control_, args...);
    Forget(context_id);
    return answer;
  }

  /// The place for a new mirror: the place that already has its schema. If there is none, the one with the
  /// fewest relations among the places that are in every server's configuration.
  struct Room {
    PostgresPlace* place = nullptr;
    bool has_schema = false;
    std::int64_t epoch_min = 1;  ///< Lowest epoch allowed by that schema.
    bool is_left_over = false;   ///< No server serves it: an unfinished move or removal left it.
  };
  absl::StatusOr<Room> FindRoom(const std::string& context_id) const;
  /// See TakePlacement().
  absl::StatusOr<Placement> TakeRoom(const std::string& context_id, const std::string& place,
                                     std::int64_t epoch_min, const std::string& mark = "")
      MIRROR_EXCLUDES(mutex_);
  /// Adds mirrors that the control database lacks, and corrects outdated rows. Needed after the control
  /// database was lost or restored to an older state. Skips closed places, see UnavailablePlaces.
  absl::Status TakeInUnknown() MIRROR_EXCLUDES(mutex_);
  /// Does the same for one place, which is about to open.
  absl::Status TakeInUnknownOf(const PostgresPlace& place, postgres::Connection& connection)
      MIRROR_EXCLUDES(mutex_);
  /// Searches all places for a later copy of a mirror that is not where `known` says. Absent: there is none.
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
  /// By folded context id. Other servers also make, move and delete mirrors, so Find() asks again where that
  /// matters.
  std::map<std::string, Placement> known_ MIRROR_GUARDED_BY(mutex_);
};

/// Checks that a mirror can be made there. Errors: kFailedPrecondition: a schema that was left over has the
/// name.
absl::Status CheckRoom(const PlacedMirrors::Room& room, const std::string& context_id);

/// Returns the kind of a configured place; kPlain: it is not configured.
PlaceKind KindOf(const PlacedMirrors& mirrors, const std::string& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_MIRRORS_H_
