#ifndef MIRROR_SERVER_PLAN_MOVE_MARK_H_
#define MIRROR_SERVER_PLAN_MOVE_MARK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "server/plan/plan.h"

namespace mirror {

/// How far a tenant's move is, as its mirror says.
enum class MovePhase : std::uint8_t {
  kLeaving,   ///< It stands still here, and is being copied.
  kLeft,      ///< It is served elsewhere, or will be: what stands here goes on no more.
  kArriving,  ///< The copy, not served yet.
  kDropping,  ///< The copy, which is being removed again.
};
std::string_view ToString(MovePhase phase);

/// To where.
enum class MoveKind : std::uint8_t { kServer, kPlace };

/// That a mirror is part of a move. It stands in the tenant's row, in the place of the pause's reason, so
/// that every kind of store has it, and every program of before keeps the source away.
struct MoveMark {
  std::string id;  ///< Of the move: hexadecimal digits.
  MovePhase phase = MovePhase::kLeaving;
  MoveKind kind = MoveKind::kServer;
  std::string target;    ///< The sources' address of the other server, or the place. May be empty.
  std::string contents;  ///< kLeft: digest of what left, see DigestContents().
  bool was_paused = false;
  std::string reason;  ///< Of that pause.
  friend bool operator==(const MoveMark&, const MoveMark&) = default;
};

inline constexpr std::size_t kMoveTargetBytesMax = 300;

std::string PackMark(const MoveMark& mark);
/// Absent: it is no mark.
std::optional<MoveMark> MarkOf(bool paused, std::string_view reason);
std::optional<MoveMark> MarkOf(const TenantRecord& tenant);
/// For people: what a source or an operator is told in the place of the mark; other reasons as they are.
std::string PauseWords(bool paused, std::string_view reason);

/// Before an operator changes the mirror of `context_id`: one that leaves, left or arrives is the copy that
/// nobody goes on with, or may become that. Errors: kFailedPrecondition: it is part of a move.
absl::Status CheckStays(const std::string& context_id, const std::optional<MoveMark>& mark);

void SetMark(const MoveMark& mark, TenantRecord* tenant);
/// The tenant is paused, or not, as it was before the move.
void TakeMarkOff(const MoveMark& mark, TenantRecord* tenant);

/// Of a move: 8 to 32 hexadecimal digits; a target without spaces. Errors: kInvalidArgument.
absl::Status CheckMoveId(std::string_view id);
absl::Status CheckMoveTarget(std::string_view target);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_MOVE_MARK_H_
