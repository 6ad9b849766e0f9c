#ifndef MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_MIRRORS_H_
#define MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_MIRRORS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/store/postgres/control/placement.h"
#include "server/store/postgres/place/postgres_place.h"

namespace mirror {

/// Whether its mirror is there, or is being made.
bool IsThere(const Placement& placement);

/// In which of the places each mirror stands, and what was known of that last: while the control database is
/// down, mirrors go on where they are. Errors: kUnavailable. Threads: any.
class PlacedMirrors {
 public:
  using Places = std::vector<std::shared_ptr<PostgresPlace>>;
  PlacedMirrors(std::shared_ptr<PostgresControl> control, Places places)
      : control_(std::move(control)), places_(std::move(places)) {}

  PostgresControl& control() const { return *control_; }
  const Places& places() const { return places_; }
  /// By its name in the configuration.
  absl::StatusOr<PostgresPlace*> PlaceOf(const std::string& name) const;
  absl::StatusOr<postgres::Lease> Take(const std::string& place, PlaceUse use) const;

  /// As the control database says; while that is down, as it said last of one that is served.
  absl::StatusOr<std::optional<Placement>> Find(const std::string& context_id) MIRROR_EXCLUDES(mutex_);
  /// The same without asking, where the mirror is known to be there.
  std::optional<Placement> Known(const std::string& context_id) MIRROR_EXCLUDES(mutex_);
  /// All, as the control database says.
  absl::StatusOr<std::vector<Placement>> List() MIRROR_EXCLUDES(mutex_);

  absl::StatusOr<bool> Move(const std::string& context_id, PlacementState from, PlacementState to)
      MIRROR_EXCLUDES(mutex_);
  absl::Status BeginDeleting(const std::string& context_id) MIRROR_EXCLUDES(mutex_);

  /// Where a new mirror is going to be: where its schema stands already, else where there are the fewest
  /// relations.
  absl::StatusOr<Placement> Choose(const std::string& context_id);
  /// Tells the control database of mirrors that it does not know: it was lost, or is older than they.
  absl::Status TakeInUnknown();

 private:
  void Remember(const Placement& placement) MIRROR_EXCLUDES(mutex_);
  void Forget(const std::string& context_id) MIRROR_EXCLUDES(mutex_);
  std::optional<Placement> Cached(const std::string& context_id) MIRROR_EXCLUDES(mutex_);

  const std::shared_ptr<PostgresControl> control_;
  const Places places_;
  Mutex mutex_;
  /// By folded context id.
  std::map<std::string, Placement> known_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HOME_PLACED_MIRRORS_H_
