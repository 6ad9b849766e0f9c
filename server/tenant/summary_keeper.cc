#include "server/tenant/summary_keeper.h"

#include <spdlog/spdlog.h>

#include <set>
#include <utility>

#include "server/plan/tenant_summary.h"

namespace mirror {

void SummaryKeeper::Restore() {
  const auto kept = catalog_.Summaries();
  if (!kept.ok()) {
    spdlog::warn("the kept summaries of tenants cannot be read: {}", std::string(kept.status().message()));
    return;
  }
  std::map<std::string, TenantSummary> read;
  for (const auto& [context_id, text] : *kept) {
    kept_[context_id] = {};
    const auto summary = UnpackSummary(text);
    if (!summary) continue;
    tenants_.Remember(context_id, *summary);
    read[context_id] = *summary;
  }
  for (const Tenants::Seen& seen : tenants_.AllSeen()) {
    // One that was opened meanwhile is known better than the catalog knows it.
    const auto found = read.find(seen.context_id);
    if (found == read.end() || found->second != *seen.summary) continue;
    kept_[seen.context_id] = {seen.summary, found->second.progress_ms};
  }
}

void SummaryKeeper::Keep() {
  std::map<std::string, std::string> changed;
  std::map<std::string, Kept> next;
  std::set<std::string> there;
  for (const Tenants::Seen& seen : tenants_.AllSeen()) {
    there.insert(seen.context_id);
    if (!seen.summary->known) continue;
    const auto found = kept_.find(seen.context_id);
    const bool same = found != kept_.end() && found->second.summary == seen.summary &&
                      found->second.progress_ms == seen.progress_ms;
    if (same) continue;
    TenantSummary summary = *seen.summary;
    summary.progress_ms = seen.progress_ms;
    changed[seen.context_id] = PackSummary(summary);
    next[seen.context_id] = {seen.summary, seen.progress_ms};
  }
  for (const auto& [context_id, kept] : kept_) {
    if (!there.contains(context_id)) changed[context_id] = "";
  }
  if (changed.empty()) return;
  const absl::Status status = catalog_.KeepSummaries(changed);
  if (!status.ok() && !failing_) {
    spdlog::warn("the summaries of tenants cannot be kept: {}", std::string(status.message()));
  }
  failing_ = !status.ok();
  if (failing_) return;
  for (const auto& [context_id, text] : changed) {
    if (text.empty()) {
      kept_.erase(context_id);
    } else {
      kept_[context_id] = std::move(next[context_id]);
    }
  }
}

}  // namespace mirror
