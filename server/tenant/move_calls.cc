#include "server/tenant/move_calls.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "server/store/contents_digest.h"

namespace mirror {
namespace {

absl::Status AnotherMove(const std::string& context_id, const std::optional<MoveMark>& mark) {
  if (!mark) {
    return absl::FailedPreconditionError(
        absl::StrCat("tenant '", context_id, "' is not part of a move here. Nothing was changed."));
  }
  return absl::FailedPreconditionError(absl::StrCat("tenant '", context_id, "': another move of it (",
                                                    mark->id, ") is ", std::string(ToString(mark->phase)),
                                                    " here. Nothing was changed. End that one first."));
}

/// Checks a change of phase: an arriving copy cannot leave, and one that left cannot be leaving again.
bool MayTurn(MovePhase from, MovePhase to) {
  switch (to) {
    case MovePhase::kLeaving:
      return from == MovePhase::kLeaving;
    case MovePhase::kLeft:
      return from == MovePhase::kLeaving || from == MovePhase::kLeft;
    case MovePhase::kArriving:
      return from == MovePhase::kArriving;
    case MovePhase::kDropping:
      return from == MovePhase::kArriving || from == MovePhase::kDropping;
  }
  return false;
}

}  // namespace

absl::StatusOr<std::optional<MoveMark>> MoveCalls::ReadMove() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, 0));
  ASSIGN_OR_RETURN(const TenantRecord tenant, ReadTenantOf(mirror_, 0));
  return MarkOf(tenant);
}

absl::Status MoveCalls::BeginMove(MoveMark mark, std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  if (mirror_.store()->IsBuilding()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the mirror of '", mirror_.context_id(),
                     "' is being made by its first cycle. Nothing was done. Wait until that is over."));
  }
  bool is_new = true;
  absl::Status begun = mirror_.EndCycle(now_ms, [&](const TenantRecord& before, Plan* plan) {
    const std::optional<MoveMark> there = MarkOf(before);
    is_new = !there.has_value();
    if (there && (there->id != mark.id || !MayTurn(there->phase, mark.phase) || there->kind != mark.kind ||
                  there->target != mark.target)) {
      return AnotherMove(mirror_.context_id(), there);
    }
    mark.was_paused = there ? there->was_paused : before.paused;
    mark.reason = there ? there->reason : before.pause_reason;
    SetMark(mark, &*plan->tenant);
    return absl::OkStatus();
  });
  CrashPoint("move.begun");
  if (begun.ok() && is_new) {
    mirror_.Tell(
        Severity::kInformation, "move.begun",
        absl::StrCat("an operator moves the mirror",
                     mark.kind == MoveKind::kPlace ? absl::StrCat(" to the place '", mark.target, "'")
                                                   : " to another server",
                     "; its source is kept away until that is over"));
  }
  return begun;
}

absl::Status MoveCalls::MakeDurable() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, 0));
  return mirror_.QuarantineIfDamaged(mirror_.store()->MakeDurable());
}

absl::Status MoveCalls::Commit(std::int64_t now_ms, const Change& change) {
  Writing writing;
  while (mirror_.Begin(writing)) {
    Plan plan;
    plan.now_ms = now_ms;
    plan.tenant = writing.tenant();
    if (absl::Status changed = change(&*plan.tenant); !changed.ok() || *plan.tenant == writing.tenant()) {
      writing.Leave(std::move(changed));
    } else {
      writing.Commit(std::move(plan));
    }
  }
  absl::Status done = mirror_.Finish(writing).status();
  mirror_.Summarize(Look::kTenant);
  return done;
}

absl::Status MoveCalls::TurnMove(const MoveMark& to, const std::string& metadata, std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  absl::Status turned =
      Commit(now_ms, [&](TenantRecord* tenant) MIRROR_REQUIRES(mirror_.mutex()) -> absl::Status {
        const std::optional<MoveMark> there = MarkOf(*tenant);
        if (there && (there->id != to.id || !MayTurn(there->phase, to.phase))) {
          return AnotherMove(mirror_.context_id(), there);
        }
        // Only a mirror that arrived and was served since can be dropped without a mark, see move.h.
        if (!there && to.phase != MovePhase::kDropping) return AnotherMove(mirror_.context_id(), there);
        if (!metadata.empty()) {
          ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, mirror_.store()->OpenSnapshot());
          ASSIGN_OR_RETURN(const std::string now, DigestMetadata(*snapshot));
          if (now != metadata) {
            return absl::AbortedError(absl::StrCat("the mirror of '", mirror_.context_id(),
                                                   "' was changed meanwhile. Nothing was done."));
          }
        }
        MoveMark mark = to;
        mark.was_paused = there ? there->was_paused : tenant->paused;
        mark.reason = there ? there->reason : tenant->pause_reason;
        SetMark(mark, tenant);
        return absl::OkStatus();
      });
  if (turned.ok() && to.phase == MovePhase::kLeft) {
    mirror_.Tell(Severity::kWarning, "move.left",
                 absl::StrCat("the mirror was moved to ", to.target.empty() ? "another server" : to.target,
                              "; the mirror that is left here accepts nothing, until it is deleted"));
  }
  if (turned.ok() && to.phase == MovePhase::kDropping) {
    mirror_.Tell(
        Severity::kWarning, "move.undone",
        "a move to this server is undone: the mirror that came is removed here, and its source is kept "
        "away; an earlier mirror that was set aside stays");
  }
  return turned;
}

absl::Status MoveCalls::EndMove(const std::string& id, std::string_view event, const std::string& words,
                                std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  absl::Status ended = Commit(now_ms, [&](TenantRecord* tenant) -> absl::Status {
    const std::optional<MoveMark> there = MarkOf(*tenant);
    if (!there || there->id != id) return AnotherMove(mirror_.context_id(), there);
    TakeMarkOff(*there, tenant);
    return absl::OkStatus();
  });
  CrashPoint("move.ended");
  if (!ended.ok()) return ended;
  mirror_.Tell(Severity::kWarning, event, words);
  // Deliveries that waited for the end of the move.
  mirror_.hooks().Wake();
  return ended;
}

}  // namespace mirror
