// A tenant's file as an operator handles it: copied, put back, set aside.

#include <algorithm>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/folded_name.h"
#include "server/tenant/tenant.h"

namespace mirror {
namespace {

constexpr std::size_t kNamesListed = 20;

}  // namespace

absl::StatusOr<std::unique_ptr<Snapshot>> Tenant::OpenSnapshot() {
  const MutexLock lock(mutex_);
  if (absl::Status status = OpenForOperator(0); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = store_->OpenSnapshot();
  if (!snapshot.ok()) return Noticed(snapshot.status());
  return snapshot;
}

void CarryOver(const std::optional<TenantRecord>& before, TenantRecord* restored) {
  if (!before) return;
  restored->cycle = std::max(restored->cycle, before->cycle + 1);
  restored->paused = before->paused;
  restored->pause_reason = before->pause_reason;
  if (!before->source_id.empty()) restored->source_id = before->source_id;
}

absl::Status EndCycleOfCopy(Store& copy, const std::optional<TenantRecord>& before, std::int64_t now_ms) {
  const absl::StatusOr<TenantRecord> tenant = copy.ReadTenant();
  if (!tenant.ok()) return tenant.status();
  Plan plan;
  plan.now_ms = now_ms;
  plan.tenant_expected = *tenant;
  plan.tenant = *tenant;
  plan.tenant->cycle = tenant->cycle + 1;
  plan.tenant->active = false;
  plan.tenant->holder.clear();
  plan.tenant->announced.clear();
  CarryOver(before, &*plan.tenant);
  plan.forget_old_cycles = true;
  const absl::StatusOr<CommitResult> result = copy.Commit(plan);
  if (!result.ok()) return result.status();
  if (result->stale) {
    return absl::UnavailableError(
        "somebody else writes to the copy of the backup. The mirror is as it was. Restore again.");
  }
  const absl::Status whole = copy.CheckWhole();
  if (whole.ok()) return whole;
  return absl::Status(whole.code(), absl::StrCat("the copy of the backup is not whole, and the mirror as it "
                                                 "was: ",
                                                 whole.message()));
}

absl::Status Tenant::ReplaceFile(const MoveFile& move, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (retired_) {
    return absl::FailedPreconditionError(absl::StrCat(
        "tenant '", context_id_,
        "' is being deleted, and files of it are still there. Nothing was done. Delete it once more, "
        "then restore."));
  }
  // A file that is gone or damaged is no reason not to put a good one there.
  std::string damaged = std::exchange(quarantine_, {});
  const auto refused = [&](absl::Status status) MIRROR_REQUIRES(mutex_) {
    if (damaged.empty()) return status;
    store_.reset();
    is_open_ = false;
    quarantine_ = damaged;
    Summarize(Look::kTenant);
    return status;
  };
  std::optional<TenantRecord> before = owner_;
  if (Open(false, now_ms, Trust::kLook).ok() && store_) {
    if (!store_->IsDurable()) {
      return refused(absl::FailedPreconditionError(absl::StrCat(
          "the mirror of '", context_id_,
          "' is being made by its first cycle. Nothing was done. Wait until that is over, or pause the "
          "tenant.")));
    }
    const absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
    if (tenant.ok()) before = *tenant;
    if (store_->Quarantined().empty()) {
      const absl::Status whole = store_->CheckWhole();
      if (!whole.ok() && !absl::IsDataLoss(whole)) return refused(whole);
      // Only now the disk was seen to have lost pages: the file is set aside with the log that has them.
      if (!whole.ok() && damaged.empty()) {
        Noticed(whole).IgnoreError();  // Told by its event.
        damaged = std::exchange(quarantine_, {});
      }
    }
  }
  store_.reset();
  is_open_ = false;
  quarantine_.clear();
  if (absl::Status moved = move(before); !moved.ok()) {
    quarantine_ = damaged;
    Summarize(Look::kTenant);
    return moved;
  }
  replaced_ = false;
  if (absl::Status status = Open(false, now_ms); !status.ok()) return status;
  // The file may be a copy from the middle of the very cycle that runs. What an operator decided since then,
  // a pause or another source, stands whatever the copy says.
  absl::Status status =
      EndCycleLocked(now_ms, {.change = [&](TenantRecord& tenant) { CarryOver(before, &tenant); }});
  if (!status.ok()) return status;
  events_.Add(context_id_, Severity::kWarning, "mirror.restored",
              "an operator put a backup in the mirror's place; the running cycle is over, and the next one "
              "catches up from where the backup stands");
  return absl::OkStatus();
}

bool Tenant::IsUnusable() {
  const MutexLock lock(mutex_);
  if (!quarantine_.empty()) return true;
  absl::Status status = OpenForOperator(0);
  if (status.ok()) status = Noticed(store_->CheckOwnTables());
  return absl::IsDataLoss(status) || absl::IsFailedPrecondition(status);
}

void Tenant::Distrust(const absl::Status& why) {
  const MutexLock lock(mutex_);
  std::string words(why.message());
  if (words.ends_with('.')) words.pop_back();
  Noticed(absl::DataLossError(words)).IgnoreError();  // Told by its event.
}

absl::Status Tenant::Rebuild(const SetFileAside& set_aside, std::int64_t now_ms) {
  const MutexLock lock(mutex_);
  if (quarantine_.empty()) {
    const absl::Status open = OpenForOperator(now_ms);
    if (quarantine_.empty() && !absl::IsFailedPrecondition(open)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the mirror of '", context_id_, "' is not known to be damaged. Nothing was done."));
    }
  }
  // Whose it is may still be read from it, where this process has not read it before.
  if (!owner_) {
    const absl::StatusOr<std::unique_ptr<Store>> damaged = open_(false);
    const absl::StatusOr<TenantRecord> tenant =
        damaged.ok() ? (*damaged)->ReadTenant() : absl::StatusOr<TenantRecord>(damaged.status());
    if (tenant.ok()) owner_ = *tenant;
  }
  CrashPoint("rebuild.before");
  std::optional<TenantRecord> owner;
  if (owner_) {
    owner.emplace();
    owner->context_id = context_id_;
    owner->issuer = owner_->issuer;
    owner->environment = owner_->environment;
    owner->source_id = owner_->source_id;
    owner->cycle = owner_->cycle + 1;
    owner->clock_ms = owner_->clock_ms;
    owner->paused = owner_->paused;
    owner->pause_reason = owner_->pause_reason;
  }
  const absl::StatusOr<std::string> aside = set_aside(owner);
  if (!aside.ok()) return aside.status();
  CrashPoint("rebuild.aside");
  quarantine_.clear();
  if (absl::Status status = Open(true, now_ms); !status.ok()) return status;
  absl::Status status = EndCycleLocked(now_ms, {.change = [&](TenantRecord& tenant) {
                                         if (!owner) return;
                                         const std::int64_t cycle = std::max(tenant.cycle, owner->cycle);
                                         tenant = *owner;
                                         tenant.cycle = cycle;
                                       }});
  if (!status.ok()) return status;
  events_.Add(context_id_, Severity::kWarning, "mirror.rebuilt",
              absl::StrCat("an operator had the file set aside that could not be used, as '", *aside,
                           "'; the next cycle populates a new one"));
  return absl::OkStatus();
}

/// Once all tables have their rows under the rules of now. What cannot be done is tried after the next cycle.
void Tenant::ScrubFile(std::int64_t now_ms) {
  absl::StatusOr<TenantRecord> tenant = store_->ReadTenant();
  if (!tenant.ok() || !tenant->scrub) return;
  const absl::StatusOr<std::vector<TableRecord>> tables = store_->ReadTables();
  if (!tables.ok()) return;
  const absl::StatusOr<std::vector<SchemaAnswer>> answers = store_->ReadAnswers();
  if (!answers.ok()) return;
  // Where a definition was refused, the rows are under the rules of before, however good their position is.
  std::set<std::string> refused;
  for (const SchemaAnswer& answer : *answers) {
    const auto action = static_cast<SchemaAction>(answer.action);
    if (action == SchemaAction::kRefused || action == SchemaAction::kHeld)
      refused.insert(FoldName(answer.table));
  }
  std::vector<std::string> awaited;
  for (const TableRecord& table : *tables) {
    if (table.position.lsn == Lsn{} || table.state != TableState::kMirrored ||
        refused.contains(FoldName(table.table))) {
      awaited.push_back(table.table);
    }
  }
  if (!awaited.empty()) {
    if (!std::exchange(told_unscrubbed_, true)) {
      events_.Add(
          context_id_, Severity::kWarning, "mirror.not_scrubbed",
          absl::StrCat("column rules changed, and what they keep out is still in the mirror file, which is "
                       "rewritten once all tables have their rows. Those that have not: ",
                       ListNames(awaited, kNamesListed),
                       ". Let the source's next cycle populate them, and see to what one was refused for; "
                       "'mirrorctl tables ",
                       context_id_, "' shows how they stand"));
    }
    return;
  }
  // Tables that were set aside hold what they held.
  Plan forget;
  forget.now_ms = now_ms;
  forget.drop_retired_before_ms = std::numeric_limits<std::int64_t>::max();
  absl::Status status = store_->Commit(forget).status();
  std::vector<std::string> aside;
  if (status.ok()) {
    absl::StatusOr<std::vector<std::string>> left = store_->SetAside("");
    status = left.status();
    if (left.ok()) aside = *std::move(left);
  }
  if (status.ok()) status = store_->Scrub();
  if (status.ok()) {
    status = CommitPlanned([&]() MIRROR_REQUIRES(mutex_) -> absl::StatusOr<Plan> {
               absl::StatusOr<TenantRecord> now = store_->ReadTenant();
               if (!now.ok()) return now.status();
               Plan plan;
               plan.now_ms = now_ms;
               plan.tenant_expected = *now;
               plan.tenant = *now;
               plan.tenant->scrub = false;
               return plan;
             }).status();
  }
  if (status.ok()) {
    told_unscrubbed_ = false;
    events_.Add(
        context_id_, Severity::kInformation, "mirror.scrubbed",
        absl::StrCat(
            "column rules changed: the mirror file was rewritten, and holds nothing of what they keep out",
            aside.empty() ? ""
                          : absl::StrCat(", but for what may stand in rows that the source does not have or "
                                         "are the partner's, in tables that were set aside: ",
                                         ListNames(aside, kNamesListed),
                                         ". Drop those when they are not "
                                         "needed")));
  } else {
    events_.Add(context_id_, Severity::kWarning, "mirror.not_scrubbed",
                absl::StrCat("column rules changed, and what they keep out may still be in free pages of the "
                             "mirror file or in its log: ",
                             status.message(), ". It is tried again after the next cycle"));
  }
}

}  // namespace mirror
