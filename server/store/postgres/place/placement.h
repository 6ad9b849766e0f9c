#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACEMENT_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACEMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

// The place of each tenant's mirror, for all servers. Context ids are compared without ASCII case: a mirror
// is found under any spelling, and keeps its own. Errors: those of PostgresControl.

namespace mirror {

enum class PlacementState : std::uint8_t {
  kMaking,      ///< Its schema may already exist, completely or in part.
  kServing,     ///< Its schema exists. If it does not, something went wrong.
  kDeleting,    ///< Its schema may still exist.
  kDeleted,     ///< No schema exists, and the tenant's source is refused.
  kGone,        ///< No schema exists, and a new mirror may be made. Its epoch is remembered.
  kImporting,   ///< It was kGone. The complete schema exists once the import is committed.
  kRestoring,   ///< As kImporting, but it was kDeleted.
  kDropping,    ///< As kDeleting, but set-aside schemas stay.
  kForgetting,  ///< As kDeleting, but becomes kGone at the end.
  kUnknown,     ///< A later version or a person wrote the state. Only in lists, see Placement::word.
};

struct Placement {
  std::string context_id;
  std::string place;   ///< A name in the configuration.
  std::string schema;  ///< In that place, without quotes.
  std::int64_t epoch = 0;
  PlacementState state = PlacementState::kMaking;
  std::int64_t age_ms = 0;  ///< Age of the state, by the control database's clock.
  std::string mark = {};    ///< The mark that was committed in the place before the schema was made; empty:
                            ///< none.
  std::string word = {};    ///< For kUnknown: the text of the column `state`.
};

inline bool IsBeingDeleted(const Placement& placement) {
  return placement.state == PlacementState::kDeleting || placement.state == PlacementState::kDropping ||
         placement.state == PlacementState::kForgetting;
}

/// Reads the tenant's placement. Errors: also kUnavailable: this program does not know its state, see
/// IsUnknownState().
absl::StatusOr<std::optional<Placement>> FindPlacement(PostgresControl& control,
                                                       const std::string& context_id);
bool IsUnknownState(const absl::Status& found);
/// Returns why a placement with state kUnknown is not served, as text for people.
std::string WhyUnknown(const Placement& placement);
/// Returns all placements, ordered by context id. One with state kUnknown does not hide the others.
absl::StatusOr<std::vector<Placement>> ListPlacements(PostgresControl& control);

/// Records where a new mirror will be made, unless a place is recorded already. If several servers do this at
/// the same time, all get the placement of the first. For a mirror with state kGone it increases the epoch by
/// one. `epoch_min`: the lowest epoch, if a schema exists already. `mark`: see Placement.
absl::StatusOr<Placement> TakePlacement(PostgresControl& control, const std::string& context_id,
                                        const std::string& place, const std::string& schema,
                                        std::int64_t epoch_min = 1, const std::string& mark = "");
/// Changes the state. False: the state was no longer `from`, and nothing was changed.
absl::StatusOr<bool> MovePlacement(PostgresControl& control, const std::string& context_id,
                                   PlacementState from, PlacementState to);
/// Does the same, but only for the mirror in `placement`. Also false if another mirror has its name now.
absl::StatusOr<bool> MoveThisPlacement(PostgresControl& control, const Placement& placement,
                                       PlacementState to);
/// Records where a mirror will be imported whose state is kGone or kDeleted, with the next epoch. From then
/// on no server makes a mirror. Absent: it has another state, and nothing was changed.
absl::StatusOr<std::optional<Placement>> TakeForImport(PostgresControl& control,
                                                       const std::string& context_id,
                                                       const std::string& place, const std::string& schema);
/// Ends the import of `taken`. `is_there`: the import was committed. If it was not, the state becomes kGone
/// or kDeleted again, as before. False: that import no longer runs, and nothing was changed.
absl::StatusOr<bool> EndImport(PostgresControl& control, const Placement& taken, bool is_there);
/// Moves a served mirror from place `from` to place `to` and sets the epoch. False: it is no longer in
/// `from`, and nothing was changed.
absl::StatusOr<bool> MovePlacementTo(PostgresControl& control, const std::string& context_id,
                                     const std::string& from, const std::string& to, std::int64_t epoch);
/// Increases the epoch, so that late decisions of others that are based on `placement` have no effect. False:
/// the row differs from `placement`, and nothing was changed.
absl::StatusOr<bool> HoldPlacement(PostgresControl& control, const Placement& placement);
/// Corrects the row of the mirror `served`, after the control database was restored to an older state. False:
/// the row has no served mirror of an earlier epoch, and nothing was changed.
absl::StatusOr<bool> CorrectPlacement(PostgresControl& control, const Placement& served);
/// Sets kDeleting, kDropping or kForgetting from any state, even for an unknown tenant. Does nothing if the
/// mirror is deleted or being imported, or is kDeleting and `to` is another state. `epoch`: deletes only a
/// mirror of this epoch; 0: any mirror.
absl::Status BeginDeletingPlacement(PostgresControl& control, const std::string& context_id,
                                    PlacementState to, std::int64_t epoch = 0);
/// Changes kServing to kGone, if nothing changed since `placement` was read. False: something changed.
absl::StatusOr<bool> MoveLostPlacement(PostgresControl& control, const Placement& placement);
/// Removes the mark. Called if the mirror's schema exists, but was not made after this mark.
absl::Status ForgetMark(PostgresControl& control, const Placement& placement);
/// Returns the new epoch of a mirror that replaces one that is set aside. The mirror has no mark.
absl::StatusOr<std::int64_t> RaiseEpoch(PostgresControl& control, const std::string& context_id);

/// Checks that each place with a mirror is one of `places`. Errors: kFailedPrecondition, with the missing
/// places and the number of mirrors in each.
absl::Status CheckPlacesAreKnown(PostgresControl& control, const std::vector<std::string>& places);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACEMENT_H_
