#include "server/tenant/summary_keeper.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "base/shared_clock.h"
#include "base/status_macros.h"
#include "server/plan/tenant_summary.h"

namespace mirror {
namespace {

/// 0: there is no text.
std::size_t TextHash(const std::string& text) { return text.empty() ? 0 : std::hash<std::string>{}(text); }

}  // namespace

void SummaryKeeper::Restore() {
  const auto kept = catalog_.Summaries();
  if (!kept.ok()) {
    spdlog::warn("the stored summaries of tenants cannot be read: {}", std::string(kept.status().message()));
    return;
  }
  std::map<std::string, TenantSummary> read;
  for (const auto& [context_id, text] : *kept) {
    kept_[context_id].text = TextHash(text);
    const auto summary = UnpackSummary(text);
    if (!summary) continue;
    tenants_.Remember(context_id, *summary);
    read[context_id] = *summary;
  }
  for (const Tenants::Seen& seen : tenants_.AllSeen()) {
    // For a tenant that was opened since, this process knows more than the catalog.
    const auto found = read.find(seen.context_id);
    if (found == read.end() || found->second != *seen.summary) continue;
    Kept& known = kept_[seen.context_id];
    known.summary = seen.summary;
    known.progress_ms = found->second.progress_ms;
  }
}

void SummaryKeeper::Keep() {
  // The first call finds conflicting summaries; a conflict that remains is found by the next Keep().
  if (!KeepChanged()) KeepChanged();
}

bool SummaryKeeper::KeepChanged() {
  std::map<std::string, std::string> changed, gone;
  std::map<std::string, Kept> next;
  std::set<std::string> there;
  for (Tenants::Seen& seen : tenants_.AllSeen()) {
    there.insert(seen.context_id);
    if (!seen.summary->known) continue;
    const auto found = kept_.find(seen.context_id);
    const bool unknown = found != kept_.end() && found->second.unknown;
    const bool same = found != kept_.end() && found->second.summary == seen.summary &&
                      found->second.progress_ms == seen.progress_ms;
    if (same && !unknown) continue;
    if (unknown) {
      const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(seen.context_id);
      if (!tenant.ok() || !(*tenant)->SummarizeNow(SharedNowMs())) continue;
      seen.summary = (*tenant)->shared_summary();
      seen.progress_ms = std::max(seen.summary->progress_ms, (*tenant)->seen_progress_ms());
    }
    TenantSummary summary = *seen.summary;
    summary.progress_ms = seen.progress_ms;
    std::string& text = changed[seen.context_id] = PackSummary(summary);
    next[seen.context_id] = {seen.summary, seen.progress_ms, TextHash(text)};
  }
  for (const auto& [context_id, kept] : kept_) {
    // A tenant that was never here belongs to another server.
    if (there.contains(context_id) || (shared_ && kept.summary == nullptr)) continue;
    gone[context_id] = "";
  }
  if (changed.empty() && gone.empty()) return true;
  const absl::StatusOr<std::map<std::string, std::string>> in_the_way = Write(changed, gone);
  if (!in_the_way.ok() && !failing_) {
    spdlog::warn("the summaries of tenants cannot be stored: {}", std::string(in_the_way.status().message()));
  }
  failing_ = !in_the_way.ok();
  if (failing_) return true;
  for (const auto& [context_id, text] : gone) kept_.erase(context_id);
  for (auto& [context_id, kept] : next) {
    const auto theirs = in_the_way->find(context_id);
    if (theirs == in_the_way->end()) {
      kept_[context_id] = std::move(kept);
    } else {
      kept_[context_id].text = TextHash(theirs->second);
      kept_[context_id].unknown = true;
    }
  }
  return in_the_way->empty();
}

absl::StatusOr<std::map<std::string, std::string>> SummaryKeeper::Write(
    const std::map<std::string, std::string>& changed, const std::map<std::string, std::string>& gone) {
  std::map<std::string, std::string> all = gone;
  if (!shared_) all.insert(changed.begin(), changed.end());
  if (!all.empty()) RETURN_IF_ERROR(catalog_.KeepSummaries(all));
  if (shared_ && !changed.empty()) {
    return catalog_.KeepKnownSummaries(
        changed, [this](const std::string& context_id, const std::string& kept) {
          const auto found = kept_.find(context_id);
          return TextHash(kept) == (found == kept_.end() ? 0 : found->second.text);
        });
  }
  return std::map<std::string, std::string>();
}

void SummaryKeeper::TakeOthers() {
  const auto kept = catalog_.Summaries();
  if (!kept.ok()) return;  // Keep() reports it.
  for (const Tenants::Seen& seen : tenants_.AllSeen()) {
    const auto found = kept->find(seen.context_id);
    if (found == kept->end()) continue;
    Kept& known = kept_[seen.context_id];
    const std::size_t text = TextHash(found->second);
    const bool changed_here = seen.summary->known && seen.summary != known.summary;
    if (known.text == text || changed_here) continue;
    const std::optional<TenantSummary> summary = UnpackSummary(found->second);
    const absl::StatusOr<std::shared_ptr<Tenant>> tenant = tenants_.Find(seen.context_id);
    if (!summary || !tenant.ok()) continue;
    // Not for a tenant that changed since it was read.
    const std::shared_ptr<const TenantSummary> taken = (*tenant)->TakeOver(*summary, seen.summary);
    if (taken != nullptr) known = {taken, summary->progress_ms, text};
  }
}

}  // namespace mirror
