#include "server/tenant/summary_keeper.h"

#include <spdlog/spdlog.h>

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
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
    kept_[context_id].text = std::hash<std::string>{}(text);
    const auto summary = UnpackSummary(text);
    if (!summary) continue;
    tenants_.Remember(context_id, *summary);
    read[context_id] = *summary;
  }
  for (const Tenants::Seen& seen : tenants_.AllSeen()) {
    // One that was opened meanwhile is known better than the catalog knows it.
    const auto found = read.find(seen.context_id);
    if (found == read.end() || found->second != *seen.summary) continue;
    Kept& known = kept_[seen.context_id];
    known.summary = seen.summary;
    known.progress_ms = found->second.progress_ms;
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
    std::string& text = changed[seen.context_id] = PackSummary(summary);
    next[seen.context_id] = {seen.summary, seen.progress_ms, std::hash<std::string>{}(text)};
  }
  for (const auto& [context_id, kept] : kept_) {
    // One that was never here is another server's.
    if (there.contains(context_id) || (shared_ && kept.summary == nullptr)) continue;
    changed[context_id] = "";
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

void SummaryKeeper::TakeOthers() {
  const auto kept = catalog_.Summaries();
  if (!kept.ok()) return;  // Keep() tells.
  for (const Tenants::Seen& seen : tenants_.AllSeen()) {
    const auto found = kept->find(seen.context_id);
    if (found == kept->end()) continue;
    Kept& known = kept_[seen.context_id];
    const std::size_t text = std::hash<std::string>{}(found->second);
    const bool changed_here = seen.summary->known && seen.summary != known.summary;
    if (known.text == text || changed_here) continue;
    const std::optional<TenantSummary> summary = UnpackSummary(found->second);
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(seen.context_id);
    if (!summary || !tenant.ok()) continue;
    (*tenant)->TakeOver(*summary);
    known = {(*tenant)->shared_summary(), summary->progress_ms, text};
  }
}

}  // namespace mirror
