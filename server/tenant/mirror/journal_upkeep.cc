#include "server/tenant/mirror/journal_upkeep.h"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/folded_name.h"
#include "base/reserved_name.h"
#include "base/status_macros.h"
#include "server/journal/seen_mark.h"
#include "server/plan/plan.h"
#include "server/store/snapshot.h"
#include "server/store/writing.h"
#include "server/tenant/mirror/mirror.h"
#include "server/tenant/mirror/mirror_feed.h"

namespace mirror {
namespace {

/// Documents that are read in one batch.
constexpr std::size_t kPage = 1'000;

/// Returns tables with a mark, in the order of their folded names, in the metadata's spelling.
absl::StatusOr<std::vector<std::string>> FindMissed(Store& store, const JournalRules& rules) {
  std::vector<std::string> missed;
  std::vector<Document> page;
  std::optional<std::map<std::string, TableRecord>> records;
  for (std::string from; from.empty() || page.size() == kPage; from = page.back().id + '\0') {
    ASSIGN_OR_RETURN(page, store.records().ReadDocuments(kSeenKind, from, kPage));
    if (page.empty()) break;
    if (!records) {
      ASSIGN_OR_RETURN(std::vector<TableRecord> all, store.records().ReadTables());
      records.emplace();
      for (TableRecord& record : all) {
        const std::string key = FoldName(record.table);
        (*records)[key] = std::move(record);
      }
    }
    for (const Document& mark : page) {
      const auto found = records->find(mark.id);
      const bool is_there = found != records->end();
      const std::string& table = is_there ? found->second.table : mark.id;
      if (!rules.Of(table).journal) continue;
      const bool saw = is_there && SawLastWrite(mark.text, {.position = found->second.position,
                                                            .cycle = found->second.cycle,
                                                            .seq = found->second.seq,
                                                            .schema_hash = found->second.schema_hash});
      if (!saw) missed.push_back(table);
    }
  }
  return missed;
}

/// Commits what `plan` returns. It is called once without the store's lock: if it plans nothing, no lock is
/// taken. Otherwise it is called again under the lock.
template <typename MakePlan>
absl::Status CommitIfAny(Store& store, const MakePlan& plan) {
  const absl::StatusOr<std::optional<Plan>> before = plan();
  if (!before.ok() || !*before) return before.status();
  Writing writing;
  while (writing.Begin(store)) writing.Commit(plan());
  return writing.result().status();
}

}  // namespace

absl::Status NotePassedWrites(Store& store, const JournalRules* rules, std::int64_t now_ms) {
  if (rules == nullptr) return absl::OkStatus();
  const auto plan = [&]() -> absl::StatusOr<std::optional<Plan>> {
    ASSIGN_OR_RETURN(std::vector<std::string> missed, FindMissed(store, *rules));
    if (missed.empty()) return std::optional<Plan>();
    Plan next;
    next.now_ms = now_ms;
    next.compared_tables = std::move(missed);
    return std::optional(std::move(next));
  };
  return CommitIfAny(store, plan);
}

void EndHistories(Store& store, const JournalRules* rules, std::int64_t now_ms) {
  const auto plan = [&]() -> absl::StatusOr<std::optional<Plan>> {
    ASSIGN_OR_RETURN(const std::vector<std::string> kept, store.upkeep().ReadHistories());
    Plan next;
    next.now_ms = now_ms;
    for (const std::string& table : kept) {
      if (rules == nullptr || !rules->Of(table).history) next.ended_histories.push_back(table);
    }
    if (next.ended_histories.empty()) return std::optional<Plan>();
    return std::optional(std::move(next));
  };
  CommitIfAny(store, plan).IgnoreError();
}

absl::StatusOr<bool> HasNoJournal(Store& store) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Snapshot> snapshot, store.OpenSnapshot());
  ASSIGN_OR_RETURN(const JournalBounds bounds, snapshot->journal().ReadBounds());
  return bounds.last.number == 0;
}

absl::Status CompareAllTables(StoreRecords& records, Plan* plan) {
  ASSIGN_OR_RETURN(const std::vector<TableRecord> tables, records.ReadTables());
  for (const TableRecord& table : tables) plan->compared_tables.push_back(table.table);
  return absl::OkStatus();
}

absl::Status NoteIfLeftOut(Store& store, const JournalRules* rules, std::int64_t now_ms) {
  // Each member of a hub has the ledger's journal.
  const bool has_hub = rules != nullptr && rules->Of(std::string(kLedgerName)).journal;
  const auto plan = [&]() -> absl::StatusOr<std::optional<Plan>> {
    absl::StatusOr<MirrorFeed> feed = ReadFeed(store.records());
    if (!feed.ok() || feed->token.empty() || feed->left_out != has_hub) return std::optional<Plan>();
    Plan next;
    next.now_ms = now_ms;
    feed->left_out = !has_hub;
    next.documents.push_back(Write(*feed));
    if (has_hub) RETURN_IF_ERROR(CompareAllTables(store.records(), &next));
    return std::optional(std::move(next));
  };
  return CommitIfAny(store, plan);
}

namespace {

absl::Status FindDue(Snapshot& snapshot, const JournalRules& rules, Plan* due) {
  ASSIGN_OR_RETURN(
      due->trim_journal_through,
      snapshot.journal().FindTrim({due->now_ms - rules.keep_ms(), due->now_ms}, rules.bytes_max()));
  ASSIGN_OR_RETURN(const std::vector<TableRecord> tables, snapshot.ReadTables());
  for (const TableRecord& record : tables) {
    const TableJournal kept = rules.Of(record.table);
    if (!kept.history || (kept.history_keep_ms == 0 && kept.history_bytes_max == 0)) continue;
    ASSIGN_OR_RETURN(const std::optional<TableHistory> history,
                     snapshot.versions().ReadHistory(record.table));
    if (!history) continue;
    ASSIGN_OR_RETURN(
        const std::int64_t cut,
        snapshot.versions().FindCut(
            *history,
            {kept.history_keep_ms == 0 ? INT64_MIN : due->now_ms - kept.history_keep_ms, due->now_ms},
            kept.history_bytes_max == 0 ? UINT64_MAX : kept.history_bytes_max));
    if (cut != 0) due->history_cuts.push_back({record.table, cut});
  }
  return absl::OkStatus();
}

}  // namespace

void JournalUpkeep::Run(Mirror& mirror, std::int64_t now_ms) {
  const std::shared_ptr<const JournalRules> rules =
      JournalRulesOf(mirror.options().journal, mirror.context_id());
  if (rules == nullptr) return;
  const auto now = std::chrono::steady_clock::now();
  {
    const MutexLock lock(mutex_);
    if (now - done_ < kAgain) return;
  }
  std::unique_ptr<Snapshot> snapshot;
  {
    if (!mirror.mutex().try_lock()) return;
    const MutexLock lock(mirror.mutex(), std::adopt_lock);
    if (mirror.store() == nullptr || mirror.store()->IsBuilding()) return;
    // Another server may write to the mirror without the journal.
    if (!NotePassedWrites(*mirror.store(), rules.get(), now_ms).ok()) return;
    absl::StatusOr<std::unique_ptr<Snapshot>> opened = mirror.store()->OpenSnapshot();
    if (!opened.ok()) return;
    snapshot = *std::move(opened);
  }
  {
    // Set `done_` only here: a mirror that was closed or in use is tried again soon.
    const MutexLock lock(mutex_);
    done_ = now;
  }
  Plan due;
  due.now_ms = now_ms;
  const absl::Status found = FindDue(*snapshot, *rules, &due);
  snapshot.reset();
  if (!found.ok() || (due.trim_journal_through == 0 && due.history_cuts.empty())) return;
  for (int trim = 0; trim < kTrimsMax; ++trim) {
    if (!mirror.mutex().try_lock()) return;
    const MutexLock lock(mirror.mutex(), std::adopt_lock);
    if (mirror.store() == nullptr) return;
    Writing writing;
    while (mirror.Begin(writing)) writing.Commit(due);
    const absl::StatusOr<std::optional<Committed>> committed = mirror.Finish(writing);
    if (!committed.ok() || !*committed) return;
    const CommitResult& result = (*committed)->result;
    if (result.journal_trimmed < kJournalTrimMax && result.versions_cut < kJournalTrimMax) return;
  }
}

}  // namespace mirror
