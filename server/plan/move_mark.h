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
  kLeft,      ///< It is, or will be, served elsewhere: the mirror here is out of use.
  kArriving,  ///< The copy, which is not served yet.
  kDropping,  ///< The copy, which is being removed again.
};
std::string_view ToString(MovePhase phase);

/// The kind of the move's target.
enum class MoveKind : std::uint8_t { kServer, kPlace };

/// The mark of a mirror that is part of a move. It is stored in the tenant's row, as the pause's reason. So
/// every kind of store has it, and older versions of the program refuse the source.
struct MoveMark {
  std::string id;  ///< The move's id: hexadecimal digits.
  MovePhase phase = MovePhase::kLeaving;
  MoveKind kind = MoveKind::kServer;
  std::string target;    ///< The other server's address for sources, or the place. May be empty.
  std::string contents;  ///< kLeft: digest of the moved contents, see DigestContents().
  bool was_paused = false;
  std::string reason;  ///< The reason of that pause.
  friend bool operator==(const MoveMark&, const MoveMark&) = default;
};

inline constexpr std::size_t kMoveTargetBytesMax = 300;

std::string PackMark(const MoveMark& mark);
/// Reads a mark. Absent: the reason is no mark.
std::optional<MoveMark> MarkOf(bool paused, std::string_view reason);
std::optional<MoveMark> MarkOf(const TenantRecord& tenant);
/// Returns the text shown to a source or an operator instead of the mark; returns other reasons unchanged.
std::string PauseWords(bool paused, std::string_view reason);

/// Checks that an operator may change the mirror of `context_id`. A mirror that leaves, left or arrives may
/// be the copy that is given up. Errors: kFailedPrecondition: it is part of a move.
absl::Status CheckStays(const std::string& context_id, const std::optional<MoveMark>& mark);

void SetMark(const MoveMark& mark, TenantRecord* tenant);
/// Restores the tenant's pause from before the move.
void TakeMarkOff(const MoveMark& mark, TenantRecord* tenant);

/// Check a move's id, 8 to 32 hexadecimal digits, and its target, without spaces. Errors: kInvalidArgument.
absl::Status CheckMoveId(std::string_view id);
absl::Status CheckMoveTarget(std::string_view target);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_MOVE_MARK_H_
