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

// Moves a tenant's mirror from one server to another, or to another place of the home, with its positions,
// lineage, receipts and everything that waits in it. The tenant is paused during the move, and at most one
// side serves it: the old side is marked as left before the new side serves. The mover is the program that
// calls both sides. It may repeat any step after a failure, because a repeated step changes nothing.
//
// The old side:  BeginMove, Export, Leave;    undone by Stay.
// The new side:  CheckRoom, Arrival, Arrive;  undone by Drop, before Stay.
//
// Errors of all calls: kNotFound: no such tenant; kFailedPrecondition: the tenant is part of no move, or of
// another move; those of Mirror.

namespace mirror {

/// A side's report about a tenant.
struct MoveLook {
  std::string context_id;  ///< In the spelling of that side.
  std::string issuer, environment;
  std::string hash_key;  ///< Identifies the key with which columns are hashed; empty: no column is hashed.
  std::string place;     ///< Empty: the home has no places.
  std::uint64_t bytes = 0;
  std::optional<MoveMark> mark;
  std::string contents;  ///< See DigestContents(); only on request.
};
/// Reports a tenant's part in a move. `digest`: also computes `contents`, which reads all rows.
absl::StatusOr<MoveLook> LookAtMove(Tenants& tenants, const std::string& context_id, bool digest,
                                    const GoOn& go_on);

/// Checks whether the tenant of `offered` can be moved to this server now, into `place`. Errors:
/// kFailedPrecondition: this server has a mirror of the tenant that did not leave with a move, or hashes the
/// tenant's columns with another key; kResourceExhausted: too little room; kInvalidArgument: the place.
absl::Status CheckRoom(Tenants& tenants, const MoveLook& offered, const std::string& place);

/// Checks whether there is room for the copy that ExportMirror() makes. Errors: kResourceExhausted.
absl::Status CheckRoomToLeave(Tenants& tenants, Tenant& tenant);

inline constexpr std::size_t kMovePartBytes = 1 << 20;
/// Takes a part of an export. Returns false to stop the export.
using TakePart = std::function<bool(std::string part)>;
/// Exports a leaving mirror as a SQLite file, in parts. Returns what the copy does not contain, as texts for
/// people.
absl::StatusOr<std::vector<std::string>> ExportMirror(Tenants& tenants, const std::string& context_id,
                                                      const std::string& id, const GoOn& go_on,
                                                      const TakePart& take);

/// A copy that arrives in parts. It is not visible on this server until Finish(). Threads: one at a time;
/// another thread may undo the move by Drop().
class MoveArrival {
 public:
  /// `tenants` must outlive this object.
  static absl::StatusOr<MoveArrival> Begin(Tenants& tenants, const std::string& context_id,
                                           const std::string& id, const std::string& place);
  absl::Status Add(std::string_view part);
  struct Report {
    std::string contents;               ///< Digest of the mirror that this server now has, see
                                        ///< DigestContents().
    std::string kept;                   ///< Location of the mirror that had left with an earlier move; empty:
                                        ///< there was none.
    std::vector<std::string> left_out;  ///< What the copy does not contain, as texts for people.
  };
  /// Installs the copy as the tenant's mirror. Errors, besides those of all calls: kFailedPrecondition: the
  /// copy is not a complete mirror of this tenant that leaves with this move, or the move was undone
  /// meanwhile; kCancelled: `go_on` returned false before the copy was installed.
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

/// Marks the mirror on this server as moved to `target`, if its digest is `contents`. Errors: kAborted: it is
/// not; nothing was changed.
absl::Status Leave(Tenants& tenants, const std::string& context_id, const std::string& id,
                   const std::string& contents, const std::string& target, std::int64_t now_ms,
                   const GoOn& go_on);
/// Begins to serve the mirror that arrived.
absl::Status Arrive(Tenants& tenants, const std::string& context_id, const std::string& id,
                    std::int64_t now_ms);
/// Removes the mirror that arrived or is arriving, and refuses its source on this server until
/// Tenants::Allow() or another move. A mirror that is served already is removed only if its digest is
/// `contents`, that is, if no cycle began since. Errors: kFailedPrecondition: a cycle began; or, with
/// `contents`, this server has no mirror and none was deleted.
absl::Status Drop(Tenants& tenants, const std::string& context_id, const std::string& id,
                  const std::string& contents, std::int64_t now_ms, const GoOn& go_on);
/// Serves a mirror that is leaving, or has left, on this server again.
absl::Status Stay(Tenants& tenants, const std::string& context_id, const std::string& id,
                  std::int64_t now_ms);

struct PlaceMoveReport {
  std::string context_id, from;
  std::string kept;                   ///< Location of the old schema; empty: it was dropped.
  std::vector<std::string> left_out;  ///< What the copy does not contain, as texts for people.
};
enum class PlaceMoveWish : std::uint8_t { kBegin, kResume, kUndo };
/// Does a whole move to another place of this home. After an error the mirror stays paused at the place that
/// serves it. Then kResume continues the move, or kUndo undoes it. A finished move can be resumed without
/// effect. Errors, besides those of all calls: kFailedPrecondition: there is nothing to resume, undo or
/// begin; kAborted: the copy never became equal, because the mirror was changed meanwhile.
absl::StatusOr<PlaceMoveReport> MoveToPlace(Tenants& tenants, const std::string& context_id,
                                            const std::string& place, PlaceMoveWish wish, std::int64_t now_ms,
                                            const GoOn& go_on);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MOVE_H_
