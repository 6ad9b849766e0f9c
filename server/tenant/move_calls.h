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

/// A tenant's part in a move, see move.h: the mark in its row. Each call can be repeated.
/// Errors: as Mirror; kNotFound when the mirror is gone;
///   kFailedPrecondition  another move of it is under way, or none: nothing was changed
/// Threads: any.
class MoveCalls {
 public:
  explicit MoveCalls(Mirror& mirror) : mirror_(mirror) {}

  /// Absent: it is part of no move.
  absl::StatusOr<std::optional<MoveMark>> ReadMove();
  /// Ends the running cycle; sources are told of the move. `mark`: of phase kLeaving; its pause fields
  /// are set here. Errors also: kFailedPrecondition: the first cycle is still making the mirror.
  absl::Status BeginMove(MoveMark mark, std::int64_t now_ms);
  /// Makes all commits as durable as those that a source was told of. Errors: kUnavailable: they may not be.
  absl::Status MakeDurable();
  /// Sets the next phase of the move; its pause fields stay. `metadata`: the
  /// expected DigestMetadata(), taken when nobody can write to the mirror any
  /// more; empty: anything. Errors: kAborted: it differs, and nothing was changed.
  absl::Status TurnMove(const MoveMark& to, const std::string& metadata, std::int64_t now_ms);
  /// Ends the tenant's part in the move and restores its former pause state. `event`: the kind of the event.
  absl::Status EndMove(const std::string& id, std::string_view event, const std::string& words,
                       std::int64_t now_ms);

 private:
  /// Changes the tenant's row, if that is allowed.
  using Change = std::function<absl::Status(TenantRecord* tenant)>;
  absl::Status Commit(std::int64_t now_ms, const Change& change) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MOVE_CALLS_H_
