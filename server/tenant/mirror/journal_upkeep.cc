#include "server/tenant/mirror/journal_upkeep.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/store/snapshot.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {

void EndHistories(Store& store, const JournalRules* rules, std::int64_t now_ms) {
  const auto plan = [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
    const absl::StatusOr<std::vector<std::string>> kept = store.records().ReadHistories();
    if (!kept.ok()) return kept.status();
    Plan next;
    next.now_ms = now_ms;
    for (const std::string& table : *kept) {
      if (rules == nullptr || !rules->Of(table).history) next.ended_histories.push_back(table);
    }
    if (next.ended_histories.empty()) return std::optional<Plan>();
    return std::optional(std::move(next));
  };
  // Whose histories are all asked for takes no lock.
  if (const absl::StatusOr<std::optional<Plan>> before = plan({}); before.ok() && *before) {
    store.PlanAndCommit(plan).status().IgnoreError();
  }
}

absl::Status CompareAllTables(StoreRecords& records, Plan* plan) {
  const absl::StatusOr<std::vector<TableRecord>> tables = records.ReadTables();
  if (!tables.ok()) return tables.status();
  for (const TableRecord& table : *tables) plan->compared_tables.push_back(table.table);
  return absl::OkStatus();
}

void JournalUpkeep::Run(Mirror& mirror, std::int64_t now_ms) {
  const std::shared_ptr<const JournalRules> rules =
      JournalRulesOf(mirror.options().journal, mirror.context_id());
  if (rules == nullptr) return;
  {
    const auto now = std::chrono::steady_clock::now();
    const MutexLock lock(mutex_);
    if (now - done_ < kAgain) return;
    done_ = now;
  }
  std::unique_ptr<Snapshot> snapshot;
  {
    if (!mirror.mutex().try_lock()) return;
    const MutexLock lock(mirror.mutex(), std::adopt_lock);
    if (mirror.store() == nullptr || mirror.store()->IsBuilding()) return;
    absl::StatusOr<std::unique_ptr<Snapshot>> opened = mirror.store()->OpenSnapshot();
    if (!opened.ok()) return;
    snapshot = *std::move(opened);
  }
  const absl::StatusOr<std::int64_t> through =
      snapshot->journal().FindTrim(now_ms - rules->keep_ms(), rules->bytes_max());
  snapshot.reset();
  if (!through.ok() || *through == 0) return;
  for (int trim = 0; trim < kTrimsMax; ++trim) {
    if (!mirror.mutex().try_lock()) return;
    const MutexLock lock(mirror.mutex(), std::adopt_lock);
    if (mirror.store() == nullptr) return;
    const absl::StatusOr<std::optional<Mirror::Committed>> committed =
        mirror.Commit([&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
          Plan plan;
          plan.now_ms = now_ms;
          plan.trim_journal_through = *through;
          return plan;
        });
    if (!committed.ok() || !*committed || (*committed)->result.journal_trimmed < kJournalTrimMax) return;
  }
}

}  // namespace mirror
