#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACEMENT_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACEMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

// The place of each tenant's mirror, shared by all servers. Tenants are compared without ASCII case: a mirror
// is found under any spelling, and keeps its own. Errors: those of PostgresControl.

namespace mirror {

enum class PlacementState : std::uint8_t {
  kMaking,      ///< Its schema may exist already, completely or in part.
  kServing,     ///< Its schema exists; if it does not, something went wrong.
  kDeleting,    ///< Its schema may still exist.
  kDeleted,     ///< No schema exists, and the tenant's source is refused.
  kGone,        ///< No schema exists, and a new mirror may be made. Its epoch is remembered.
  kImporting,   ///< It was kGone; the complete schema exists once the import is committed.
  kRestoring,   ///< The same, but it was kDeleted.
  kDropping,    ///< Like kDeleting, but set-aside schemas stay.
  kForgetting,  ///< Like kDeleting, then becomes kGone.
  kUnknown,     ///< A later version or a person wrote it. Only in lists, see Placement::word.
};

struct Placement {
  std::string context_id;
  std::string place;   ///< A name of the configuration.
  std::string schema;  ///< In that place, without quotes.
  std::int64_t epoch = 0;
  PlacementState state = PlacementState::kMaking;
  std::int64_t age_ms = 0;  ///< Age of the state, by the control database's clock.
  std::string mark = {};    ///< Committed in the place before the schema was made; empty: there is none.
  std::string word = {};    ///< For kUnknown: the text of the column.
};

inline bool IsBeingDeleted(const Placement& placement) {
  return placement.state == PlacementState::kDeleting || placement.state == PlacementState::kDropping ||
         placement.state == PlacementState::kForgetting;
}

/// Errors also: kUnavailable for a placement whose state this program does not know: see IsUnknownState().
absl::StatusOr<std::optional<Placement>> FindPlacement(PostgresControl& control,
                                                       const std::string& context_id);
bool IsUnknownState(const absl::Status& found);
/// Returns why a placement of state kUnknown is not served, for people.
std::string WhyUnknown(const Placement& placement);
/// By context id. A placement of state kUnknown does not hide the others.
absl::StatusOr<std::vector<Placement>> ListPlacements(PostgresControl& control);

/// Records where a new mirror will be made, unless a place is already recorded. If several servers do this at
/// once, all get the first one's placement. For a gone mirror the epoch is raised by one. `epoch_min`: the
/// lowest epoch, of a schema that exists already. `mark`: see Placement.
absl::StatusOr<Placement> TakePlacement(PostgresControl& control, const std::string& context_id,
                                        const std::string& place, const std::string& schema,
                                        std::int64_t epoch_min = 1, const std::string& mark = "");
/// Changes the state. False: the state is not `from` any more; nothing was changed.
absl::StatusOr<bool> MovePlacement(PostgresControl& control, const std::string& context_id,
                                   PlacementState from, PlacementState to);
/// The same for exactly the mirror in `placement`. Also false if another mirror has its name by now.
absl::StatusOr<bool> MoveThisPlacement(PostgresControl& control, const Placement& placement,
                                       PlacementState to);
/// Records where a mirror will be imported that is gone or deleted, with the next epoch. From then on no
/// server makes one. Absent: it is in another state; nothing was changed.
absl::StatusOr<std::optional<Placement>> TakeForImport(PostgresControl& control,
                                                       const std::string& context_id,
                                                       const std::string& place, const std::string& schema);
/// Ends the import of `taken`. `is_there`: it was committed. If not, the state is gone or deleted again, as
/// before. False: that import is not running any more; nothing was changed.
absl::StatusOr<bool> EndImport(PostgresControl& control, const Placement& taken, bool is_there);
/// Moves a served mirror from place `from` to place `to`, with that epoch. False: it is not in `from` any
/// more; nothing was changed.
absl::StatusOr<bool> MovePlacementTo(PostgresControl& control, const std::string& context_id,
                                     const std::string& from, const std::string& to, std::int64_t epoch);
/// Raises the epoch, so that late decisions of others based on `placement` have no effect. False: the row
/// differs from `placement`; nothing was changed.
absl::StatusOr<bool> HoldPlacement(PostgresControl& control, const Placement& placement);
/// Corrects the row of a mirror that is `served`, after the control database was restored to an older state.
/// False: it has no served mirror of an earlier epoch; nothing was changed.
absl::StatusOr<bool> CorrectPlacement(PostgresControl& control, const Placement& served);
/// Sets kDeleting, kDropping or kForgetting from any state, also for an unknown tenant. Exceptions: the
/// mirror is deleted or being imported, or is kDeleting and `to` is another state. `epoch`: only a mirror of
/// this epoch; 0: any mirror.
absl::Status BeginDeletingPlacement(PostgresControl& control, const std::string& context_id,
                                    PlacementState to, std::int64_t epoch = 0);
/// From kServing to kGone, if nothing changed since `placement` was read. False: something changed.
absl::StatusOr<bool> MoveLostPlacement(PostgresControl& control, const Placement& placement);
/// Removes the mark: the mirror's schema exists, but was not made after this mark.
absl::Status ForgetMark(PostgresControl& control, const Placement& placement);
/// For a mirror that replaces a set-aside one: returns its new epoch. It has no mark.
absl::StatusOr<std::int64_t> RaiseEpoch(PostgresControl& control, const std::string& context_id);

/// Checks that each place with a mirror is one of `places`. Errors: kFailedPrecondition, with the missing
/// places and how many mirrors are in them.
absl::Status CheckPlacesAreKnown(PostgresControl& control, const std::vector<std::string>& places);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACEMENT_H_
