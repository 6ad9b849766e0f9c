// What a tenant tells of what failed: an Error event with the reason and what to do next, once for each.

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/cut_message.h"
#include "base/folded_name.h"
#include "proto/wire/table.h"
#include "server/tenant/tenant.h"

namespace mirror {
namespace {

constexpr std::size_t kRefusalsTold = 5;
constexpr std::size_t kReasonBytesTold = 600;

}  // namespace

/// A batch of `cycle` was refused for good: unless the table gets over it, the cycle ends as a failure.
void Tenant::NoteRefusal(std::int64_t cycle, const BatchOutcome& outcome) {
  if (refusals_cycle_ != cycle) refusals_.clear();
  refusals_cycle_ = cycle;
  // What is held has an event of its own, and waits for an operator.
  if (outcome.held) return;
  std::string reason(outcome.status.message());
  // It becomes a part of a sentence that names the table.
  const std::string name = absl::StrCat("table '", outcome.table, "': ");
  if (reason.starts_with(name)) reason.erase(0, name.size());
  if (reason.ends_with('.')) reason.pop_back();
  if (reason.size() > kReasonBytesTold) reason = absl::StrCat(reason.substr(0, kReasonBytesTold), "...");
  refusals_[FoldName(outcome.table)] = {outcome.table, std::move(reason)};
}

std::string Tenant::RefusalsOf(std::int64_t cycle) {
  if (refusals_cycle_ != cycle) refusals_.clear();
  refusals_cycle_ = cycle;
  for (const CycleNote& note : *notes_) {
    if (note.kind != CycleNoteKind::kRefused || IsKeptBack(*holds_, note.table)) continue;
    refusals_.try_emplace(FoldName(note.table), note.table,
                          absl::StrCat("batch ", note.seq, " was not applied: the server's log says why"));
  }
  if (refusals_.empty()) return "";
  std::string words = absl::StrCat(refusals_.size(), refusals_.size() == 1 ? " table" : " tables",
                                   " took nothing more after a batch that was refused");
  std::size_t told = 0;
  for (const auto& [key, refusal] : refusals_) {
    if (++told > kRefusalsTold) {
      absl::StrAppend(&words, "; and ", refusals_.size() - kRefusalsTold, " more");
      break;
    }
    absl::StrAppend(&words, "; table '", refusal.first, "': ", refusal.second);
  }
  return words;
}

void Tenant::NoteFailure(std::string_view why) {
  const MutexLock lock(summary_mutex_);
  TenantSummary next = summary_ ? *summary_ : TenantSummary{};
  next.failure = FailedAgain(next.failure, why, NowMs());
  summary_ = std::make_shared<const TenantSummary>(std::move(next));
}

bool Tenant::ForgetFailure() {
  const MutexLock lock(summary_mutex_);
  if (!summary_ || summary_->failure == CycleFailure{}) return false;
  TenantSummary next = *summary_;
  next.failure = {};
  summary_ = std::make_shared<const TenantSummary>(std::move(next));
  return true;
}

void Tenant::NoteRefusedAnnouncement(std::int64_t cycle, std::string_view why) {
  const MutexLock lock(mutex_);
  unannounced_cycle_ = cycle;
  unannounced_why_ = CutMessage(why, kReasonBytesTold);
  if (unannounced_why_.ends_with('.')) unannounced_why_.pop_back();
}

void Tenant::TellCycleFailed(std::int64_t cycle, const std::string& why, const std::string& next) {
  NoteFailure(why);
  events_.Add(
      context_id_, Severity::kError, "cycle.failed",
      absl::StrCat("cycle ", cycle, " failed: ", why,
                   ". What was committed stays, and the source's next cycle goes on from there. ", next));
}

void Tenant::TellTimedOut(std::int64_t cycle) {
  TellCycleFailed(cycle,
                  absl::StrCat("its source made no progress for ", options_.cycle_idle_ms / 1'000,
                               " s and sent no ReplicationCompleted"),
                  "Look whether the source's agent runs, and at the line between them.");
}

void Tenant::TellInterrupted(std::int64_t cycle) {
  TellCycleFailed(cycle, "it ended without ReplicationCompleted, and its source began another one",
                  "The source's agent, this server or the line between them was interrupted; look at their "
                  "logs when it happens again.");
}

/// A full disk, a lock, a file that cannot be written: told once, until something is written again.
void Tenant::TellUnavailable(const absl::Status& status) {
  // That has an event of its own; why a new mirror was lost has not.
  if (store_ && store_->IsDurable() && store_->Replaced()) return;
  const std::string message(status.message());
  // An operator who meets it is told.
  if (served_cycle_) NoteFailure(message);
  if (message == told_unavailable_) return;
  told_unavailable_ = message;
  events_.Add(context_id_, Severity::kError, "mirror.unavailable",
              absl::StrCat("the mirror could not be read or written: ", message));
}

void Tenant::EndIfIdle(std::int64_t now_ms) {
  // Who holds the lock makes progress.
  if (!mutex_.try_lock()) return;
  const MutexLock lock(mutex_, std::adopt_lock);
  if (!served_cycle_ || !store_ || retired_) return;
  absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
  if (!tenant.ok() || !tenant->active || !IsIdle(*tenant, now_ms)) return;
  if (EndCycleLocked(now_ms).ok()) TellTimedOut(tenant->cycle);
}

}  // namespace mirror
