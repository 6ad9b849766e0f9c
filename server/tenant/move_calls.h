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

/// A tenant's part in a move, see move.h: sets the mark in the tenant's row. Each call can be repeated.
/// Errors: as Mirror; kNotFound: the mirror does not exist any more;
///   kFailedPrecondition  the tenant is part of another move, or of none; nothing was changed
/// Threads: any.
class MoveCalls {
 public:
  explicit MoveCalls(Mirror& mirror) : mirror_(mirror) {}

  /// Returns the mark of the tenant's move. Absent: the tenant is part of no move.
  absl::StatusOr<std::optional<MoveMark>> ReadMove();
  /// Ends the running cycle. From then on sources get the answer that the tenant moves. `mark`: with phase
  /// kLeaving; this call sets its fields about a pause. Errors also: kFailedPrecondition: the first cycle is
  /// still creating the mirror.
  absl::Status BeginMove(MoveMark mark, std::int64_t now_ms);
  /// Makes all commits as durable as the commits that were reported to a source. Errors: kUnavailable: some
  /// may not be durable.
  absl::Status MakeDurable();
  /// Sets the next phase of the move; the mark's fields about a pause stay. `metadata`: the expected
  /// DigestMetadata(), computed when nobody could write to the mirror any more; empty: not compared. Errors:
  /// kAborted: it differs, and nothing was changed.
  absl::Status TurnMove(const MoveMark& to, const std::string& metadata, std::int64_t now_ms);
  /// Ends the tenant's part in the move, and restores the pause from before the move. `event`: the kind of
  /// the event.
  absl::Status EndMove(const std::string& id, std::string_view event, const std::string& words,
                       std::int64_t now_ms);

 private:
  /// Changes the tenant's row, or returns an error if that is not allowed.
  using Change = std::function<absl::Status(TenantRecord* tenant)>;
  absl::Status Commit(std::int64_t now_ms, const Change& change) MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MOVE_CALLS_H_
