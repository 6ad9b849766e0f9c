#ifndef MIRROR_SERVER_PLAN_MOVE_MARK_H_
#define MIRROR_SERVER_PLAN_MOVE_MARK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/plan/plan.h"

namespace mirror {

/// The state of a tenant's move, as stored in its mirror.
enum class MovePhase : std::uint8_t {
  kLeaving,   ///< The mirror is frozen here while it is being copied.
  kLeft,      ///< Another server or place serves the mirror, or will. The mirror here is out of use.
  kArriving,  ///< The mirror here is the new copy, which is not served yet.
  kDropping,  ///< The mirror here is the new copy, which is being removed because the move was given up.
};
std::string_view ToString(MovePhase phase);

/// The kind of the move's target.
enum class MoveKind : std::uint8_t { kServer, kPlace };

/// The mark of a mirror that is part of a move. The tenant's row stores it as the reason of a pause. So every
/// kind of store can keep it, and older versions of the program refuse the source.
struct MoveMark {
  std::string id;  ///< The move's id: hexadecimal digits.
  MovePhase phase = MovePhase::kLeaving;
  MoveKind kind = MoveKind::kServer;
  std::string target;    ///< The other server's address for sources, or the place. May be empty.
  std::string contents;  ///< With kLeft: digest of the moved contents, see DigestContents().
  bool was_paused = false;
  std::string reason;  ///< The reason of that earlier pause.
  friend bool operator==(const MoveMark&, const MoveMark&) = default;
};

inline constexpr std::size_t kMoveTargetBytesMax = 300;

std::string PackMark(const MoveMark& mark);
/// Reads a mark from the reason of a pause. Absent: the reason is not a mark.
std::optional<MoveMark> MarkOf(bool paused, std::string_view reason);
std::optional<MoveMark> MarkOf(const TenantRecord& tenant);
/// Returns the reason of a pause as text for a source or an operator. Converts a mark; returns other reasons
/// unchanged.
std::string PauseWords(bool paused, std::string_view reason);

/// Checks that an operator may change the mirror of `context_id`. A mirror with a mark may be the copy that
/// the move gives up. Errors: kFailedPrecondition: the mirror is part of a move; nothing was changed.
absl::Status CheckStays(const std::string& context_id, const std::optional<MoveMark>& mark);

void SetMark(const MoveMark& mark, TenantRecord* tenant);
/// Restores the tenant's pause from before the move.
void TakeMarkOff(const MoveMark& mark, TenantRecord* tenant);

/// Checks a move's id: 8 to 32 hexadecimal digits. Errors: kInvalidArgument.
absl::Status CheckMoveId(std::string_view id);
absl::Status CheckMoveTarget(std::string_view target);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_MOVE_MARK_H_
