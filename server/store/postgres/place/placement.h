#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACEMENT_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACEMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

// In which place each tenant's mirror stands, as all servers know it. Tenants are told apart by ASCII case
// alone: a mirror is found under any spelling, and keeps its own. Errors: those of PostgresControl.

namespace mirror {

enum class PlacementState : std::uint8_t {
  kMaking,      ///< Its schema may be there already, or in part.
  kServing,     ///< Its schema is there; when it is not, something went wrong.
  kDeleting,    ///< Its schema may still be there.
  kDeleted,     ///< There is none, and the tenant's source is kept away.
  kGone,        ///< There is none, and a new one may be made. Its epoch is remembered.
  kImporting,   ///< One that was kGone: its schema is there, whole, once the import is committed.
  kRestoring,   ///< The same of one that was kDeleted.
  kDropping,    ///< kDeleting, and what was set aside of it stays.
  kForgetting,  ///< kDeleting, and kGone behind it.
  kUnknown,     ///< A later version wrote it, or somebody by hand. Only of a list, see Placement::word.
};

struct Placement {
  std::string context_id;
  std::string place;   ///< A name of the configuration.
  std::string schema;  ///< In it, without quotes.
  std::int64_t epoch = 0;
  PlacementState state = PlacementState::kMaking;
  std::int64_t age_ms = 0;  ///< Of the state, by the control database's clock.
  std::string mark = {};    ///< Committed in the place before the schema was made; empty: there is none.
  std::string word = {};    ///< Of kUnknown: what stands there.
};

inline bool IsBeingDeleted(const Placement& placement) {
  return placement.state == PlacementState::kDeleting || placement.state == PlacementState::kDropping ||
         placement.state == PlacementState::kForgetting;
}

/// Errors: also kUnavailable, of one whose state is unknown here, see IsUnknownState().
absl::StatusOr<std::optional<Placement>> FindPlacement(PostgresControl& control,
                                                       const std::string& context_id);
bool IsUnknownState(const absl::Status& found);
/// What keeps one of kUnknown from being served, for people.
std::string WhyUnknown(const Placement& placement);
/// By context id. One that is kUnknown does not hide the others.
absl::StatusOr<std::vector<Placement>> ListPlacements(PostgresControl& control);

/// Notes where a mirror is going to be made, unless that is known already: of several servers that do this at
/// once all are given the first one's. Of what is gone, with the next epoch. `epoch_min`: of a schema that
/// stands there already. `mark`: see Placement.
absl::StatusOr<Placement> TakePlacement(PostgresControl& control, const std::string& context_id,
                                        const std::string& place, const std::string& schema,
                                        std::int64_t epoch_min = 1, const std::string& mark = "");
/// From one state to the next. False: it is not in `from` any more, and stays as it is.
absl::StatusOr<bool> MovePlacement(PostgresControl& control, const std::string& context_id,
                                   PlacementState from, PlacementState to);
/// The same of the very mirror that `placement` was read of. False, too: another one has its name by now.
absl::StatusOr<bool> MoveThisPlacement(PostgresControl& control, const Placement& placement,
                                       PlacementState to);
/// Notes where a mirror is going to be imported, of what is gone or deleted, with the next epoch: from then
/// on nobody makes one. Absent: it is in another state, and stays as it is.
absl::StatusOr<std::optional<Placement>> TakeForImport(PostgresControl& control,
                                                       const std::string& context_id,
                                                       const std::string& place, const std::string& schema);
/// The import that `taken` was given to is over: `is_there` says whether it was committed. If not, the mirror
/// is gone or deleted, as it was. False: that import is not under way any more, and nothing was changed.
absl::StatusOr<bool> EndImport(PostgresControl& control, const Placement& taken, bool is_there);
/// A mirror that is served from `from` is served from `to` from now on, with that epoch. False: it is not
/// there any more, and stays as it is.
absl::StatusOr<bool> MovePlacementTo(PostgresControl& control, const std::string& context_id,
                                     const std::string& from, const std::string& to, std::int64_t epoch);
/// What anybody decided of it by `placement`, and is late with, decides nothing any more. False: it is not as
/// `placement` says, and stays as it is.
absl::StatusOr<bool> HoldPlacement(PostgresControl& control, const Placement& placement);
/// Of a mirror that is served there: the control database is older than that, as one is that was restored.
/// False: it knows of no earlier epoch that is served, and stays as it is.
absl::StatusOr<bool> CorrectPlacement(PostgresControl& control, const Placement& served);
/// To kDeleting, kDropping or kForgetting, whatever state it is in, and also of a tenant that nobody knows;
/// not of one that is deleted or is being imported, nor from the first to the second. `epoch`: only of a
/// mirror of this one; 0: of whichever there is.
absl::Status BeginDeletingPlacement(PostgresControl& control, const std::string& context_id,
                                    PlacementState to, std::int64_t epoch = 0);
/// From kServing to kGone, where nothing has changed since `placement` was read. False: something has.
absl::StatusOr<bool> MoveLostPlacement(PostgresControl& control, const Placement& placement);
/// Its schema came there otherwise than behind its mark.
absl::Status ForgetMark(PostgresControl& control, const Placement& placement);
/// A mirror that takes the place of one that was set aside: gives its epoch. It has no mark.
absl::StatusOr<std::int64_t> RaiseEpoch(PostgresControl& control, const std::string& context_id);

/// Whether each place in which a mirror stands is one of `places`. Errors: kFailedPrecondition, with those
/// that are missing and how many mirrors are in them.
absl::Status CheckPlacesAreKnown(PostgresControl& control, const std::vector<std::string>& places);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_PLACEMENT_H_
