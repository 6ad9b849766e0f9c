#include "server/tenant/mirror/passed_writes.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/journal/seen_mark.h"
#include "server/plan/plan.h"
#include "server/store/writing.h"

namespace mirror {
namespace {

/// Documents that are read at a time.
constexpr std::size_t kPage = 1'000;

/// Tables with a mark in the order of their folded names, as the metadata spells them.
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

}  // namespace

absl::Status NotePassedWrites(Store& store, const JournalRules* rules, std::int64_t now_ms) {
  if (rules == nullptr) return absl::OkStatus();
  const auto plan = [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
    ASSIGN_OR_RETURN(std::vector<std::string> missed, FindMissed(store, *rules));
    if (missed.empty()) return std::optional<Plan>();
    Plan next;
    next.now_ms = now_ms;
    next.compared_tables = std::move(missed);
    return std::optional(std::move(next));
  };
  const absl::StatusOr<std::optional<Plan>> before = plan({});
  if (!before.ok() || !*before) return before.status();
  Writing writing;
  while (writing.Begin(store)) writing.Commit(plan(writing.tenant()));
  return writing.result().status();
}

}  // namespace mirror
