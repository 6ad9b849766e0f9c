#ifndef MIRROR_SERVER_TENANT_MOVE_CALLS_H_
#define MIRROR_SERVER_TENANT_MOVE_CALLS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/move_mark.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {

/// A tenant's part in a move, see move.h: what its row says of it. Each call can be made again.
/// Errors: as Mirror; kNotFound when the mirror is gone;
///   kFailedPrecondition  another move of it is under way, or none: nothing was changed
/// Threads: any.
class MoveCalls {
 public:
  explicit MoveCalls(Mirror& mirror) : mirror_(mirror) {}

  /// Absent: it is part of none.
  absl::StatusOr<std::optional<MoveMark>> ReadMove();
  /// Ends the running cycle; sources are told that it is being moved. `mark`: of phase kLeaving; what it says
  /// of a pause is set here. Errors: kFailedPrecondition, too: it is being made by its first cycle.
  absl::Status BeginMove(MoveMark mark, std::int64_t now_ms);
  /// What is committed lasts as all does that a source is told of. Errors: kUnavailable: it may not.
  absl::Status MakeDurable();
  /// The next phase of the move. What it says of a pause stays. `metadata`: what DigestMetadata() gives when
  /// nobody can write to the mirror any more; empty: anything. Errors: kAborted: it is something else, and
  /// nothing was changed.
  absl::Status TurnMove(const MoveMark& to, const std::string& metadata, std::int64_t now_ms);
  /// The tenant is part of no move from now on, and paused or not as it was before. `event`: what is told.
  absl::Status EndMove(const std::string& id, std::string_view event, const std::string& words,
                       std::int64_t now_ms);

 private:
  /// Its row says `to` instead of what it says, if that is allowed.
  using Change = std::function<absl::Status(TenantRecord* tenant)>;
  absl::Status Commit(std::int64_t now_ms, const Change& change) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MOVE_CALLS_H_
