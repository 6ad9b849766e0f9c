#ifndef MIRROR_SERVER_TENANT_MOVE_H_
#define MIRROR_SERVER_TENANT_MOVE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/move_mark.h"
#include "server/store/home.h"
#include "server/tenant/tenants.h"

// A tenant's mirror goes from one server to another, or from one place of a home to another, with its
// positions, lineage, receipts and all that waits in it. It stands still meanwhile, and is served from one
// side at most: what left is marked before what arrived is served. Who moves it calls both sides and may come
// again after whatever ended him: every step is harmless twice.
//
// The old side:  BeginMove, Export, Leave;    taken back by Stay.
// The new side:  CheckRoom, Arrival, Arrive;  taken back by Drop, before Stay.
//
// Errors of all: kNotFound: no such tenant; kFailedPrecondition: it is part of no move, or of another one;
// those of Mirror.

namespace mirror {

/// What a side says of a tenant.
struct MoveLook {
  std::string context_id;  ///< As it is spelled there.
  std::string issuer, environment;
  std::string hash_key;  ///< Tells apart keys that columns are hashed with; empty: none is.
  std::string place;     ///< Empty: the home has none.
  std::uint64_t bytes = 0;
  std::optional<MoveMark> mark;
  std::string contents;  ///< See DigestContents(); only where it was asked for.
};
/// `digest`: reads all rows.
absl::StatusOr<MoveLook> LookAtMove(Tenants& tenants, const std::string& context_id, bool digest,
                                    const GoOn& go_on);

/// Whether what `offered` tells of could come here now, into `place`. Errors: kFailedPrecondition: a mirror
/// of it is here, that did not leave with a move; its columns are hashed with another key;
/// kResourceExhausted: too little room; kInvalidArgument: the place.
absl::Status CheckRoom(Tenants& tenants, const MoveLook& offered, const std::string& place);

/// Whether the copy that ExportMirror() makes has room. Errors: kResourceExhausted.
absl::Status CheckRoomToLeave(Tenants& tenants, Tenant& tenant);

inline constexpr std::size_t kMovePartBytes = 1 << 20;
/// Takes a piece of an export; false: nobody wants more.
using TakePart = std::function<bool(std::string part)>;
/// Gives a copy of what is leaving as a file of SQLite's, piece by piece, and what is not in it, for people.
absl::StatusOr<std::vector<std::string>> ExportMirror(Tenants& tenants, const std::string& context_id,
                                                      const std::string& id, const GoOn& go_on,
                                                      const TakePart& take);

/// A copy that comes in pieces. Nothing is here of it until Finish(). Threads: one at a time; another one may
/// take the move back by Drop().
class MoveArrival {
 public:
  /// `tenants` outlives it.
  static absl::StatusOr<MoveArrival> Begin(Tenants& tenants, const std::string& context_id,
                                           const std::string& id, const std::string& place);
  absl::Status Add(std::string_view part);
  struct Report {
    std::string contents;               ///< Of what is here now, see DigestContents().
    std::string kept;                   ///< Where a mirror is that had left before; empty: there was none.
    std::vector<std::string> left_out;  ///< Of the copy, for people.
  };
  /// Errors: kFailedPrecondition, too: what came is no whole mirror of this tenant, leaving with this move,
  /// or the move was taken back meanwhile; kCancelled: `go_on` said so, before the copy was put there.
  absl::StatusOr<Report> Finish(std::int64_t now_ms, const GoOn& go_on);

 private:
  MoveArrival(Tenants& tenants, std::string context_id, std::string id, std::string place,
              std::unique_ptr<MirrorCopy> copy)
      : tenants_(&tenants),
        undone_(tenants.arrivals.Begin(id)),
        context_id_(std::move(context_id)),
        id_(std::move(id)),
        place_(std::move(place)),
        copy_(std::move(copy)) {}
  absl::Status MarkCopy(std::int64_t now_ms);
  absl::Status CheckGoesOn(const GoOn& go_on) const;

  Tenants* tenants_;
  Arrivals::IsUndone undone_;
  std::string context_id_, id_, place_;
  std::unique_ptr<MirrorCopy> copy_;
};

/// What is here goes on at `target` from now on, if `contents` is what it holds. Errors: kAborted: it is not;
/// nothing was changed.
absl::Status Leave(Tenants& tenants, const std::string& context_id, const std::string& id,
                   const std::string& contents, const std::string& target, std::int64_t now_ms,
                   const GoOn& go_on);
/// What arrived is served.
absl::Status Arrive(Tenants& tenants, const std::string& context_id, const std::string& id,
                    std::int64_t now_ms);
/// Removes what arrived, or is on its way in here, and keeps its source away from here until Tenants::Allow()
/// or another move. What is served already is removed only while `contents` is what it holds: no cycle began
/// since. Errors: kFailedPrecondition: one did; with `contents`, no mirror is here, nor was one deleted.
absl::Status Drop(Tenants& tenants, const std::string& context_id, const std::string& id,
                  const std::string& contents, std::int64_t now_ms, const GoOn& go_on);
/// What was leaving, or left, is served here as before.
absl::Status Stay(Tenants& tenants, const std::string& context_id, const std::string& id,
                  std::int64_t now_ms);

struct PlaceMoveReport {
  std::string context_id, from;
  std::string kept;                   ///< Where the old schema is; empty: it is not there any more.
  std::vector<std::string> left_out;  ///< For people.
};
enum class PlaceMoveWish : std::uint8_t { kBegin, kResume, kUndo };
/// The whole move to another place of this home. After an error the mirror stays paused where it is served
/// from, until kResume goes on, or kUndo takes it back. A move that has ended can be resumed: nothing is
/// done. Errors: kFailedPrecondition, too: there is nothing to be resumed or undone, or to be begun;
/// kAborted: the copy never became equal, since the mirror was changed meanwhile.
absl::StatusOr<PlaceMoveReport> MoveToPlace(Tenants& tenants, const std::string& context_id,
                                            const std::string& place, PlaceMoveWish wish, std::int64_t now_ms,
                                            const GoOn& go_on);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MOVE_H_
