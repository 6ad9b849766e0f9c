#include "server/tenant/mirror/hub_calls.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/reserved_name.h"
#include "base/status_macros.h"
#include "server/tenant/mirror/feed_tables.h"

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

namespace {

/// Absent: another acknowledgement came first, or the feed was made anew.
absl::StatusOr<std::optional<Plan>> PlanAcknowledgement(StoreRecords& records, const HubRead& read,
                                                        std::int64_t number, const std::string& token,
                                                        std::int64_t now_ms) {
  ASSIGN_OR_RETURN(MirrorFeed feed, ReadFeed(records));
  if (feed.journal_id != read.feed.journal_id || feed.number != read.feed.number ||
      feed.token != read.feed.token) {
    return std::nullopt;
  }
  feed.number = number;
  feed.token = token;
  Plan plan;
  plan.now_ms = now_ms;
  plan.documents.push_back(Write(feed));
  if (read.tables.remade.empty()) return plan;
  ASSIGN_OR_RETURN(FeedTables noted, ReadFeedTables(records));
  // The next announcement writes the document anew.
  if (noted.is_spoiled) return plan;
  plan.documents.push_back(Write(AtAcknowledgement(std::move(noted), read.tables, read.completed_cycle)));
  return plan;
}

}  // namespace

absl::Status HubCalls::Change(const MirrorFeed& feed, std::int64_t now_ms) {
  Plan plan;
  plan.now_ms = now_ms;
  plan.documents.push_back(Write(feed));
  Writing writing;
  while (mirror_.Begin(writing)) writing.Commit(plan);
  return mirror_.Finish(writing).status();
}

absl::StatusOr<HubReading> HubCalls::OpenForHub(std::int64_t now_ms, bool writes) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  HubReading reading;
  // Read the row first: entries of a cycle that another server completes meanwhile then count as
  // a later cycle's and are not read. Notes of that cycle about its tables may be missing here.
  ASSIGN_OR_RETURN(reading.tenant, ReadTenantOf(mirror_, now_ms));
  ASSIGN_OR_RETURN(MirrorFeed feed, mirror_.QuarantineIfDamaged(ReadFeed(mirror_.store()->records())));
  reading.feed = WithJournal(feed);
  ASSIGN_OR_RETURN(reading.tables, mirror_.QuarantineIfDamaged(ReadFeedTables(mirror_.store()->records())));
  if (feed.journal_id.empty() && writes) RETURN_IF_ERROR(Change(reading.feed, now_ms));
  ASSIGN_OR_RETURN(reading.snapshot, mirror_.QuarantineIfDamaged(mirror_.store()->OpenSnapshot()));
  return reading;
}

absl::Status HubCalls::Acknowledge(const HubRead& read, std::int64_t number, const std::string& token,
                                   std::int64_t now_ms) {
  const MutexLock lock(mirror_.mutex());
  RETURN_IF_ERROR(OpenForOperator(mirror_, now_ms));
  Writing writing;
  while (mirror_.Begin(writing)) {
    writing.Commit(PlanAcknowledgement(mirror_.store()->records(), read, number, token, now_ms));
  }
  return mirror_.Finish(writing).status();
}

}  // namespace mirror
