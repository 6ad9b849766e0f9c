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

// Moves a tenant's mirror from one server to another, or to another place of the home, with its
// positions, lineage, receipts and everything that waits in it. The tenant is paused meanwhile,
// and at most one side serves it: the old side is marked as left before the new side serves. The
// mover calls both sides and may repeat any step after a failure: every step is harmless twice.
//
// The old side:  BeginMove, Export, Leave;    undone by Stay.
// The new side:  CheckRoom, Arrival, Arrive;  undone by Drop, before Stay.
//
// Errors of all: kNotFound: no such tenant; kFailedPrecondition: it is part of no move, or of another one;
// those of Mirror.

namespace mirror {

/// A side's report about a tenant.
struct MoveLook {
  std::string context_id;  ///< In that side's spelling.
  std::string issuer, environment;
  std::string hash_key;  ///< Identifies the key with which columns are hashed; empty: none is hashed.
  std::string place;     ///< Empty: the home has no places.
  std::uint64_t bytes = 0;
  std::optional<MoveMark> mark;
  std::string contents;  ///< See DigestContents(); only on request.
};
/// `digest`: also computes `contents`, which reads all rows.
absl::StatusOr<MoveLook> LookAtMove(Tenants& tenants, const std::string& context_id, bool digest,
                                    const GoOn& go_on);

/// Checks whether the tenant of `offered` could be moved here now, into `place`. Errors:
/// kFailedPrecondition: a mirror of it is here that did not leave with a move, or its columns are
/// hashed with another key; kResourceExhausted: too little room; kInvalidArgument: the place.
absl::Status CheckRoom(Tenants& tenants, const MoveLook& offered, const std::string& place);

/// Checks whether there is room for the copy that ExportMirror() makes. Errors: kResourceExhausted.
absl::Status CheckRoomToLeave(Tenants& tenants, Tenant& tenant);

inline constexpr std::size_t kMovePartBytes = 1 << 20;
/// Takes a part of an export; false: stop.
using TakePart = std::function<bool(std::string part)>;
/// Exports a leaving mirror as a SQLite file, part by part. Returns what the copy lacks, for people.
absl::StatusOr<std::vector<std::string>> ExportMirror(Tenants& tenants, const std::string& context_id,
                                                      const std::string& id, const GoOn& go_on,
                                                      const TakePart& take);

/// A copy that arrives in parts. It is not visible here until Finish().
/// Threads: one at a time; another one may undo the move by Drop().
class MoveArrival {
 public:
  /// `tenants` must outlive this object.
  static absl::StatusOr<MoveArrival> Begin(Tenants& tenants, const std::string& context_id,
                                           const std::string& id, const std::string& place);
  absl::Status Add(std::string_view part);
  struct Report {
    std::string contents;               ///< Digest of the mirror that is here now, see DigestContents().
    std::string kept;                   ///< Location of a mirror that had left earlier; empty: none.
    std::vector<std::string> left_out;  ///< Contents that the copy lacks, for people.
  };
  /// Errors also: kFailedPrecondition: the copy is not a complete mirror of this tenant, leaving with this
  /// move, or the move was undone meanwhile; kCancelled: `go_on` said so, before the copy was installed.
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

/// Marks the mirror here as moved to `target`, if `contents`
/// matches it. Errors: kAborted: it does not; nothing was changed.
absl::Status Leave(Tenants& tenants, const std::string& context_id, const std::string& id,
                   const std::string& contents, const std::string& target, std::int64_t now_ms,
                   const GoOn& go_on);
/// Serves the mirror that arrived.
absl::Status Arrive(Tenants& tenants, const std::string& context_id, const std::string& id,
                    std::int64_t now_ms);
/// Removes the mirror that arrived, or is arriving, and refuses its source here until Tenants::Allow()
/// or another move. A served mirror is removed only if `contents` matches: no cycle began since.
/// Errors: kFailedPrecondition: one began; or, with `contents`, no mirror is here and none was deleted.
absl::Status Drop(Tenants& tenants, const std::string& context_id, const std::string& id,
                  const std::string& contents, std::int64_t now_ms, const GoOn& go_on);
/// Serves a leaving mirror, or one that left, here as before.
absl::Status Stay(Tenants& tenants, const std::string& context_id, const std::string& id,
                  std::int64_t now_ms);

struct PlaceMoveReport {
  std::string context_id, from;
  std::string kept;                   ///< Location of the old schema; empty: it does not exist any more.
  std::vector<std::string> left_out;  ///< For people.
};
enum class PlaceMoveWish : std::uint8_t { kBegin, kResume, kUndo };
/// Does the whole move to another place of this home. After an error the mirror stays
/// paused where it is served, until kResume continues or kUndo takes it back. Resuming a
/// finished move does nothing. Errors also: kFailedPrecondition: nothing to resume, undo or
/// begin; kAborted: the copy never became equal, since the mirror was changed meanwhile.
absl::StatusOr<PlaceMoveReport> MoveToPlace(Tenants& tenants, const std::string& context_id,
                                            const std::string& place, PlaceMoveWish wish, std::int64_t now_ms,
                                            const GoOn& go_on);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MOVE_H_
