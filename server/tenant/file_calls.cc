#include "server/tenant/file_calls.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/plan/cycle_check.h"
#include "server/plan/move_mark.h"
#include "server/store/writing.h"
#include "server/tenant/mirror/journal_upkeep.h"
#include "server/tenant/records_planner.h"

namespace mirror {
namespace {

/// Equals the time for which statements of other calls wait for another program's lock.
constexpr std::chrono::seconds kOthersLocksMax{5};
constexpr std::uint32_t kPausesLookedAt = 20;

/// Returns the last event about the tenant's pause: true: paused, false: resumed.
/// Absent: no such event, or a later event means that the mirror was replaced since.
std::optional<bool> ToldPaused(Events& events, const std::string& context_id) {
  EventRecord last;
  for (const char* pattern : {"tenant.*ed", "mirror.restored"}) {
    const absl::StatusOr<std::vector<EventRecord>> told =
        events.Last({.context_id = context_id, .kind = pattern}, 0, kPausesLookedAt);
    if (!told.ok()) return std::nullopt;
    for (const EventRecord& event : *told) {
      const bool meant = event.kind.starts_with("tenant.") || event.kind == "mirror.restored";
      if (meant && event.context_id == context_id && event.id > last.id) last = event;
    }
  }
  if (last.kind == "tenant.paused") return true;
  if (last.kind == "tenant.resumed") return false;
  return std::nullopt;
}

}  // namespace

void CarryOver(const std::optional<TenantRecord>& before, TenantRecord* restored) {
  if (!before) return;
  restored->cycle = std::max(restored->cycle, CycleAfter(before->cycle));
  restored->paused = before->paused;
  restored->pause_reason = before->pause_reason;
  if (!before->source_id.empty()) {
    restored->source_id = before->source_id;
    restored->source_accepted = before->source_accepted;
  }
}

/// A copy of a mirror that was part of a move becomes independent, and stays paused until resumed.
void CarryOverWithoutMove(const std::optional<TenantRecord>& before, TenantRecord* restored) {
  if (const std::optional<MoveMark> mark = MarkOf(*restored)) {
    TakeMarkOff(*mark, restored);
    restored->paused = true;
    if (!mark->was_paused) restored->pause_reason = "restored from a copy that was made during a move";
  }
  CarryOver(before, restored);
}

namespace {

absl::StatusOr<std::optional<Plan>> PlanEndOfCopy(Store& copy, const TenantRecord& tenant,
                                                  const std::optional<TenantRecord>& before,
                                                  std::int64_t now_ms) {
  Plan plan;
  plan.now_ms = now_ms;
  plan.tenant = tenant;
  plan.tenant->cycle = CycleAfter(tenant.cycle);
  plan.tenant->active = false;
  plan.tenant->holder.clear();
  plan.tenant->announced.clear();
  CarryOverWithoutMove(before, &*plan.tenant);
  plan.forget_old_cycles = true;
  RETURN_IF_ERROR(CompareAllTables(copy.records(), &plan));
  RETURN_IF_ERROR(RenewLineage(copy.records(), /*only_stopped=*/false, &plan));
  return plan;
}

}  // namespace

absl::Status EndCycleOfCopy(Store& copy, const std::optional<TenantRecord>& before, std::int64_t now_ms) {
  Writing writing;
  while (writing.Begin(copy)) writing.Commit(PlanEndOfCopy(copy, writing.tenant(), before, now_ms));
  RETURN_IF_ERROR(writing.result().status());
  const absl::Status whole = copy.upkeep().CheckWhole({});
  if (whole.ok()) return whole;
  return absl::Status(whole.code(),
                      absl::StrCat("the copy of the backup is incomplete, and the mirror was not changed: ",
                                   whole.message()));
}

absl::Status FileCalls::CheckIntegrity() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, 0));
  return mirror_.QuarantineIfDamaged(mirror_.store()->upkeep().CheckIntegrity());
}

absl::StatusOr<std::unique_ptr<Snapshot>> FileCalls::OpenSnapshot() {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, 0));
  // A full disk does not prevent a copy to another disk; its cycles and times are slightly older.
  mirror_.store()->upkeep().WriteWaiting().IgnoreError();
  return mirror_.QuarantineIfDamaged(mirror_.store()->OpenSnapshot());
}

absl::Status FileCalls::CheckExpected(const ExpectedOfAct& expected, std::int64_t now_ms) {
  if (expected.expected.token.empty()) return absl::OkStatus();
  const absl::Status open = OpenForOperator(mirror_, now_ms);
  if (absl::IsNotFound(open)) return expected.expected.Check(expected.act, MirrorState());
  if (!open.ok()) return open;
  Writing writing;
  while (mirror_.Begin(writing)) {
    const absl::StatusOr<MirrorState> state = ReadState(mirror_.store()->records(), writing.tenant());
    writing.Leave(state.ok() ? expected.expected.Check(expected.act, *state) : state.status());
  }
  return mirror_.Finish(writing).status();
}

absl::Status FileCalls::ReplaceFile(const MoveFile& move, std::int64_t now_ms,
                                    const ExpectedOfAct& expected) {
  const MutexLock lock(mirror_.mutex());
  if (mirror_.file().retired) {
    return absl::FailedPreconditionError(absl::StrCat(
        "tenant '", mirror_.context_id(),
        "' is being deleted, and some of its files still exist. Nothing was done. Delete it once more, "
        "then restore."));
  }
  RETURN_IF_ERROR(CheckExpected(expected, now_ms));
  RETURN_IF_ERROR(ForgetListed(mirror_));
  // A missing or damaged file must not prevent the installation of a good one.
  std::string damaged = std::exchange(mirror_.file().quarantine, {});
  std::optional<TenantRecord> before = mirror_.file().owner;
  if (absl::Status refused = CloseForMove(now_ms, &damaged, &before); !refused.ok()) {
    if (!damaged.empty()) StayDamaged(damaged);
    return refused;
  }
  if (absl::Status moved = move(before); !moved.ok()) {
    StayDamaged(damaged);
    return moved;
  }
  mirror_.file().replaced = false;
  RETURN_IF_ERROR(mirror_.Open(false, now_ms));
  // The file may be a copy from the middle of the running cycle. Decisions
  // of an operator since then, a pause or another source, override the copy.
  Door door = Door::kCycles;
  // If the copy's journal does not belong to its rows, readers of the former journal must be told.
  ASSIGN_OR_RETURN(bool is_new, mirror_.QuarantineIfDamaged(HasNoJournal(*mirror_.store())));
  RETURN_IF_ERROR(
      mirror_.EndCycle(now_ms, [&](const TenantRecord& tenant, Plan* plan) MIRROR_REQUIRES(mirror_.mutex()) {
        door = tenant.door();
        CarryOver(before, &*plan->tenant);
        return is_new ? CompareAllTables(mirror_.store()->records(), plan) : absl::OkStatus();
      }));
  mirror_.Tell(
      Severity::kWarning, "mirror.restored",
      door == Door::kRecords
          ? "an operator put a backup in the mirror's place; it lacks the records that were written "
            "after the backup, and no source sends them again"
          : "an operator put a backup in the mirror's place; the running cycle is over, and the next "
            "one catches up from the backup's position");
  return absl::OkStatus();
}

absl::Status FileCalls::TakeIn(const std::function<absl::Status(bool replaces)>& put, std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  if (mirror_.file().retired) {
    return absl::UnavailableError(absl::StrCat(
        "'", mirror_.context_id(), "' is being deleted. Nothing was made; try again when it is gone."));
  }
  const absl::Status there = OpenForOperator(mirror_, now_ms);
  if (!there.ok() && !absl::IsNotFound(there)) return there;
  if (there.ok()) {
    ASSIGN_OR_RETURN(const TenantRecord tenant,
                     mirror_.QuarantineIfDamaged(mirror_.store()->records().ReadTenant()));
    const std::optional<MoveMark> mark = MarkOf(tenant);
    if (!mark || mark->phase != MovePhase::kLeft) {
      return absl::FailedPreconditionError(
          absl::StrCat("there is a mirror of '", mirror_.context_id(), "' here now. It was not changed."));
    }
    RETURN_IF_ERROR(mirror_.store()->upkeep().CheckWhole(kOthersLocksMax));
  }
  mirror_.Close();
  RETURN_IF_ERROR(ForgetListed(mirror_));
  RETURN_IF_ERROR(put(there.ok()));
  mirror_.file().replaced = false;
  return mirror_.Open(false, now_ms);
}

absl::Status FileCalls::CloseForMove(std::int64_t now_ms, std::string* damaged,
                                     std::optional<TenantRecord>* before) {
  bool is_read = false;
  if (mirror_.Open(false, now_ms, Mirror::Trust::kLook).ok() && mirror_.store() != nullptr) {
    Store& store = *mirror_.store();
    if (store.IsBuilding()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the mirror of '", mirror_.context_id(),
          "' is being made by its first cycle. Nothing was done. Wait until that is over, or pause the "
          "tenant."));
    }
    const absl::StatusOr<TenantRecord> tenant = store.records().ReadTenant();
    is_read = tenant.ok();
    if (is_read) *before = *tenant;
    if (store.upkeep().Quarantined().empty()) {
      const absl::Status whole = store.upkeep().CheckWhole(kOthersLocksMax);
      if (!whole.ok() && !absl::IsDataLoss(whole)) return whole;
      // This check found that the disk lost pages: rename the file together with the log that has them.
      if (!whole.ok() && damaged->empty()) {
        mirror_.QuarantineIfDamaged(whole).IgnoreError();  // The event reports it.
        *damaged = std::exchange(mirror_.file().quarantine, {});
      }
    }
  }
  if (!is_read && *before) CorrectPause(&**before);
  mirror_.Close();
  mirror_.file().quarantine.clear();
  return absl::OkStatus();
}

void FileCalls::CorrectPause(TenantRecord* remembered) {
  if (!mirror_.options().is_shared || MarkOf(*remembered)) return;
  const std::optional<bool> told = ToldPaused(events_, mirror_.context_id());
  if (!told || *told == remembered->paused) return;
  const TenantSummary seen = mirror_.seen().Get();
  remembered->paused = *told;
  remembered->pause_reason = "";
  if (*told) remembered->pause_reason = seen.paused ? seen.pause_reason : "paused at another server";
}

void FileCalls::StayDamaged(const std::string& damaged) {
  mirror_.Close();
  mirror_.file().quarantine = damaged;
  mirror_.Summarize(Look::kTenant);
}

absl::Status FileCalls::Retire(const std::function<absl::Status()>& decide,
                               const std::function<absl::Status()>& remove, const Expected& expected) {
  const MutexLock lock(mirror_.mutex());
  absl::Status status = absl::OkStatus();
  if (!expected.token.empty() && !removed_) {
    RETURN_IF_ERROR(OpenForOperator(mirror_, SharedNowMs()));
    absl::StatusOr<std::unique_ptr<StoreWork>> work = mirror_.store()->Begin({});
    if (!work.ok()) return mirror_.QuarantineIfDamaged(work.status());
    ASSIGN_OR_RETURN(const MirrorState state, ReadState(mirror_.store()->records(), (*work)->tenant()));
    RETURN_IF_ERROR(expected.Check({.call = "DeleteMirror"}, state));
    mirror_.file().retired = true;
    status = decide();
  }
  mirror_.file().retired = true;
  mirror_.Close();
  if (removed_) return absl::OkStatus();
  if (expected.token.empty()) status = decide();
  if (status.ok()) status = remove();
  removed_ = status.ok();
  return status;
}

bool FileCalls::IsUnusable() {
  const MutexLock lock(mirror_.mutex());
  if (!mirror_.file().quarantine.empty()) return true;
  absl::Status status = OpenForOperator(mirror_, 0);
  if (status.ok()) status = mirror_.QuarantineIfDamaged(mirror_.store()->upkeep().CheckOwnTables());
  return absl::IsDataLoss(status) || absl::IsFailedPrecondition(status);
}

void FileCalls::Distrust(const absl::Status& why) {
  const MutexLock lock(mirror_.mutex());
  std::string words(why.message());
  if (words.ends_with('.')) words.pop_back();
  mirror_.QuarantineIfDamaged(absl::DataLossError(words)).IgnoreError();  // The event reports it.
}

absl::Status FileCalls::Rebuild(const SetFileAside& set_aside, std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  if (mirror_.file().quarantine.empty()) {
    const absl::Status open = OpenForOperator(mirror_, now_ms);
    if (mirror_.file().quarantine.empty() && !absl::IsFailedPrecondition(open)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the mirror of '", mirror_.context_id(),
                       "' is not known to be damaged. Nothing was done. 'mirrorctl diagnose ",
                       mirror_.context_id(), "' checks it."));
    }
  }
  const std::optional<TenantRecord> owner = FindOwner();
  if (owner) RETURN_IF_ERROR(CheckComesByCycles(*owner));
  ASSIGN_OR_RETURN(const std::string aside, set_aside(owner));
  CrashPoint("rebuild.aside");
  mirror_.file().quarantine.clear();
  RETURN_IF_ERROR(mirror_.Open(true, now_ms));
  RETURN_IF_ERROR(mirror_.EndCycle(now_ms, [&](const TenantRecord&, Plan* plan) {
    if (!owner) return absl::OkStatus();
    const std::int64_t cycle = std::max(plan->tenant->cycle, owner->cycle);
    plan->tenant = *owner;
    plan->tenant->cycle = cycle;
    return absl::OkStatus();
  }));
  mirror_.Tell(Severity::kWarning, "mirror.rebuilt",
               aside.empty()
                   ? "an operator began a new mirror in place of the missing one; the next cycle populates it"
                   : absl::StrCat("an operator set the unusable mirror aside as '", aside,
                                  "'; the next cycle populates a new one"));
  return absl::OkStatus();
}

std::optional<TenantRecord> FileCalls::FindOwner() {
  std::optional<TenantRecord>& known = mirror_.file().owner;
  // Read the owner from the file if this process has not read it yet, or if other servers write it.
  if (!known || mirror_.options().is_shared) {
    const absl::StatusOr<std::unique_ptr<Store>> damaged = mirror_.file().open(false);
    const absl::StatusOr<TenantRecord> tenant =
        damaged.ok() ? (*damaged)->records().ReadTenant() : absl::StatusOr<TenantRecord>(damaged.status());
    if (tenant.ok()) {
      known = *tenant;
    } else if (known) {
      CorrectPause(&*known);
    }
  }
  CrashPoint("rebuild.before");
  if (!known) return std::nullopt;
  TenantRecord owner;
  owner.context_id = mirror_.context_id();
  owner.issuer = known->issuer;
  owner.environment = known->environment;
  owner.source_id = known->source_id;
  owner.cycle = CycleAfter(known->cycle);
  owner.clock_ms = known->clock_ms;
  owner.paused = known->paused;
  owner.pause_reason = known->pause_reason;
  return owner;
}

absl::Status FileCalls::Resume(std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  // The operator says that a damaged file was repaired; it is checked again.
  std::string damaged = std::exchange(mirror_.file().quarantine, {});
  if (damaged.empty() && mirror_.store() == nullptr) {
    // An earlier process may have quarantined it.
    if (absl::IsDataLoss(OpenForOperator(mirror_, now_ms)))
      damaged = std::exchange(mirror_.file().quarantine, {});
  }
  if (absl::Status status = LookOnceMore(damaged, now_ms); !status.ok()) {
    // A file that is gone may be created anew.
    if (mirror_.file().quarantine.empty() && !absl::IsNotFound(status))
      mirror_.file().quarantine = std::move(damaged);
    if (!mirror_.file().quarantine.empty()) mirror_.Close();
    return status;
  }
  bool had_stopped = !damaged.empty();
  absl::Status status = mirror_.EndCycle(
      now_ms, [&](const TenantRecord& before, Plan* plan) MIRROR_REQUIRES(mirror_.mutex()) -> absl::Status {
        if (MarkOf(before)) {
          return absl::FailedPreconditionError(absl::StrCat(
              "tenant '", mirror_.context_id(), "': ", PauseWords(before.paused, before.pause_reason),
              ". It was not resumed. 'mirrorctl move ", mirror_.context_id(),
              " ... --resume' or '--undo' ends the move, with the options that it was begun with."));
        }
        had_stopped = had_stopped || before.paused;
        plan->tenant->paused = false;
        plan->tenant->pause_reason.clear();
        // Resume means that the two sources that were found are one again.
        plan->tenant->missed_cycle = 0;
        plan->tenant->missed_ms = 0;
        // This forgets the time of a clock that was ahead.
        plan->tenant->clock_ms = now_ms;
        return RenewLineage(mirror_.store()->records(), /*only_stopped=*/true, plan);
      });
  if (!status.ok()) return status;
  if (StartMark* const start = mirror_.options().start) start->TakeClock(now_ms);
  mirror_.Tell(
      Severity::kInformation, "tenant.resumed",
      had_stopped ? "an operator resumed the tenant" : "an operator ran 'resume'; the tenant was not paused");
  return absl::OkStatus();
}

absl::Status FileCalls::LookOnceMore(const std::string& damaged, std::int64_t now_ms) {
  if (damaged.empty()) return OpenForOperator(mirror_, now_ms);
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms, Mirror::Trust::kLook));
  RETURN_IF_ERROR(mirror_.QuarantineIfDamaged(mirror_.store()->upkeep().CheckIntegrity()));
  return mirror_.store()->upkeep().Release();
}

}  // namespace mirror
