#include "server/tenant/exchange/feed_plan.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/reserved_name.h"
#include "base/status_macros.h"
#include "server/tenant/notes/feed_tables.h"

namespace mirror {

absl::Status PlanWithFeed(Mirror& mirror, const AnnounceRequest& request, const AnnounceView& view,
                          AnnouncePlan* planned) MIRROR_REQUIRES(mirror.mutex()) {
  const std::shared_ptr<const JournalRules> rules =
      JournalRulesOf(mirror.options().journal, mirror.context_id());
  *planned = PlanAnnouncement(request, view);
  if (!IsOfHub(mirror) || view.IsOtherSource(request)) return absl::OkStatus();
  const auto has_journal = [&](const std::string& table) { return rules->Of(table).journal; };
  ASSIGN_OR_RETURN(const FeedTables before, ReadFeedTables(mirror.store()->records()));
  const FeedTables after = AtAnnouncement(before, request, view, has_journal);
  if (after == before) return absl::OkStatus();
  planned->plan.documents.push_back(Write(after));
  planned->plan.kept = Kept::kNow;
  planned->repeats = false;
  return absl::OkStatus();
}

bool IsOfHub(const Mirror& mirror) {
  const std::shared_ptr<const JournalRules> rules =
      JournalRulesOf(mirror.options().journal, mirror.context_id());
  // Each member of a hub keeps the journal of its ledger.
  return rules != nullptr && rules->Of(std::string(kLedgerName)).journal;
}

absl::Status KeepExchangeNote(Mirror& mirror, Plan* plan) MIRROR_REQUIRES(mirror.mutex()) {
  if (!plan->cycle_notes) return absl::OkStatus();
  RETURN_IF_ERROR(mirror.cycle().Load(*mirror.store()));
  if (mirror.cycle().IsNoted(CycleNoteKind::kExchange)) {
    plan->cycle_notes->changes.written.push_back({CycleNoteKind::kExchange});
  }
  return absl::OkStatus();
}

}  // namespace mirror
