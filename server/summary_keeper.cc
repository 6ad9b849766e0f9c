#include "server/summary_keeper.h"

#include <spdlog/spdlog.h>

#include <set>

#include "server/tenant_summary.h"

namespace mirror {

void SummaryKeeper::Restore() {
  const auto kept = catalog_.Summaries();
  if (!kept.ok()) {
    spdlog::warn("what was known of tenants is not read: {}", std::string(kept.status().message()));
    return;
  }
  kept_ = *kept;
  for (const auto& [context_id, text] : kept_) {
    if (const auto summary = UnpackSummary(text)) tenants_.Remember(context_id, *summary);
  }
}

void SummaryKeeper::Keep() {
  std::map<std::string, std::string> changed;
  std::set<std::string> there;
  for (const Tenants::Seen& seen : tenants_.AllSeen()) {
    there.insert(seen.context_id);
    if (!seen.summary->known) continue;
    TenantSummary summary = *seen.summary;
    summary.progress_ms = seen.progress_ms;
    std::string text = PackSummary(summary);
    const auto found = kept_.find(seen.context_id);
    if (found == kept_.end() || found->second != text) changed[seen.context_id] = std::move(text);
  }
  for (const auto& [context_id, text] : kept_) {
    if (!there.contains(context_id)) changed[context_id] = "";
  }
  if (changed.empty()) return;
  const absl::Status status = catalog_.KeepSummaries(changed);
  if (!status.ok() && !failing_) {
    spdlog::warn("what is known of tenants is not kept: {}", std::string(status.message()));
  }
  failing_ = !status.ok();
  if (failing_) return;
  for (auto& [context_id, text] : changed) {
    if (text.empty()) {
      kept_.erase(context_id);
    } else {
      kept_[context_id] = std::move(text);
    }
  }
}

}  // namespace mirror
