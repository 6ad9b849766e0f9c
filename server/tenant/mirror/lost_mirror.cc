#include "server/tenant/mirror/lost_mirror.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/plan/cycle_check.h"
#include "server/store/home.h"
#include "server/store/writing.h"

namespace mirror {
namespace {

std::string WordsOf(const absl::Status& opened, const char* payload) {
  const auto words = opened.GetPayload(payload);
  return words ? std::string(*words) : std::string();
}

/// Gives the replacement of a lost mirror the former owner and pause: no other owner can take it.
absl::Status KeepOwner(Store& store, const TenantSummary& lost) {
  if (lost.issuer.empty()) return absl::OkStatus();
  Writing writing;
  while (writing.Begin(store)) {
    Plan plan;
    plan.tenant = writing.tenant();
    plan.tenant->issuer = lost.issuer;
    plan.tenant->environment = lost.environment;
    plan.tenant->source_id = lost.source_id;
    plan.tenant->cycle = CycleAfter(lost.cycle);
    plan.tenant->paused = lost.paused;
    plan.tenant->pause_reason = lost.pause_reason;
    writing.Commit(writing.tenant().issuer.empty() ? std::optional(std::move(plan)) : std::nullopt);
  }
  return writing.result().status();
}

}  // namespace

bool IsTakenAway(const absl::Status& opened) {
  return absl::IsDataLoss(opened) && opened.GetPayload(kLostPayload).has_value();
}

bool IsChanging(const absl::Status& status) {
  return absl::IsUnavailable(status) && status.GetPayload(kChangingPayload).has_value();
}

bool NoteLost(Mirror& mirror, const absl::Status& opened) {
  bool& told = mirror.file().told_lost;
  if (opened.ok()) told = false;
  if (!absl::IsNotFound(opened)) return false;
  std::string why = WordsOf(opened, kLostPayload);
  // The home does not know a tenant that was never here, either: then this payload means no loss.
  const bool was_here = mirror.store() != nullptr || mirror.seen().Get().known;
  if (why.empty() && was_here) why = WordsOf(opened, kForgottenPayload);
  if (why.empty()) return false;
  if (std::exchange(told, true)) return true;
  const std::string& id = mirror.context_id();
  mirror.Tell(
      Severity::kWarning, "mirror.lost",
      absl::StrCat("the mirror of '", id, "' is lost: ", why,
                   ". The source's next cycle makes a new one and populates it",
                   mirror.options().automatic_provisioning ? "" : ", once 'automatic_provisioning' is on",
                   "; what readers and operators set for the lost one is lost. Instead, 'mirrorctl restore ",
                   id, " FILE --confirm ", id, "' puts a backup in its place"));
  return true;
}

absl::StatusOr<std::unique_ptr<Store>> OpenFile(Mirror& mirror, bool create) {
  const OpenStore& open = mirror.file().open;
  if (!mirror.options().is_shared) return open(create);
  // Report a loss before a new mirror is created.
  absl::StatusOr<std::unique_ptr<Store>> store = open(/*create=*/false);
  const bool lost = NoteLost(mirror, store.status());
  if (!create || !absl::IsNotFound(store.status())) return store;
  store = open(/*create=*/true);
  if (!store.ok()) return store;
  mirror.file().told_lost = false;
  const absl::Status kept = lost ? KeepOwner(**store, mirror.seen().Get()) : absl::OkStatus();
  if (!kept.ok()) return kept;
  return store;
}

void TellIfLost(Mirror& mirror) {
  if (!mirror.mutex().try_lock()) return;
  const MutexLock lock(mirror.mutex(), std::adopt_lock);
  if (!mirror.file().retired) NoteLost(mirror, mirror.file().open(/*create=*/false).status());
}

}  // namespace mirror
