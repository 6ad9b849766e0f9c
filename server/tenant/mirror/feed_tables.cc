#include "server/tenant/mirror/feed_tables.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/json/json_document.h"
#include "base/json/json_writer.h"
#include "base/reserved_name.h"
#include "server/tenant/mirror/mirror.h"

namespace mirror {
namespace {

constexpr char kFeedTablesKind[] = "feed_tables";

std::uint64_t IdentityOf(const AnnouncedTable& table) {
  if (table.identity != 0 || !table.schema.ok()) return table.identity;
  return table.schema->table_id;
}

}  // namespace

bool FeedTables::IsGone(const std::string& table) const { return gone.contains(FoldName(table)); }

bool FeedTables::IsRemade(const std::string& table) const { return remade.contains(FoldName(table)); }

absl::StatusOr<FeedTables> ReadFeedTables(StoreRecords& records) {
  absl::StatusOr<std::optional<Document>> document = records.ReadDocument(kFeedTablesKind, "");
  if (!document.ok()) return document.status();
  FeedTables tables;
  if (!*document) return tables;
  absl::StatusOr<JsonDocument> json = JsonDocument::Parse((*document)->text);
  if (!json.ok() || !json->root().Is(JsonKind::kObject)) {
    return absl::DataLossError("the mirror's document 'feed_tables' is not as it was written");
  }
  const JsonView root = json->root();
  if (const std::optional<JsonView> identities = root.Find("identities")) {
    for (const auto& [table, identity] : identities->Members()) {
      std::uint64_t number = 0;
      if (!absl::SimpleAtoi(std::string(identity.text()), &number)) number = 0;
      tables.identities[std::string(table)] = number;
    }
  }
  if (const std::optional<JsonView> gone = root.Find("gone")) {
    for (const JsonView& table : gone->Elements()) tables.gone.emplace(table.text());
  }
  if (const std::optional<JsonView> remade = root.Find("remade")) {
    for (const auto& [table, cycle] : remade->Members()) {
      std::int64_t number = 0;
      if (!absl::SimpleAtoi(std::string(cycle.text()), &number)) number = 0;
      tables.remade[std::string(table)] = number;
    }
  }
  return tables;
}

DocumentChange Write(const FeedTables& tables) {
  JsonWriter json;
  json.Begin('{').Key("identities").Begin('{');
  // As texts: a reader of JSON may have no place for 64 bits.
  for (const auto& [table, identity] : tables.identities) json.Member(table, absl::StrCat(identity));
  json.End('}').Key("gone").Begin('[');
  for (const std::string& table : tables.gone) json.String(table);
  json.End(']').Key("remade").Begin('{');
  for (const auto& [table, cycle] : tables.remade) json.Key(table).Number(cycle);
  json.End('}').End('}');
  return {kFeedTablesKind, "", json.Take()};
}

FeedTables AtAnnouncement(FeedTables tables, const AnnounceRequest& request, const AnnounceView& view,
                          const std::function<bool(const std::string& table)>& has_journal) {
  std::set<std::string> announced;
  for (const AnnouncedTable& table : request.tables) {
    const std::string name = FoldName(table.name);
    announced.insert(name);
    if (!has_journal(table.name)) continue;
    const std::uint64_t identity = IdentityOf(table);
    const auto known = tables.identities.find(name);
    const bool is_other =
        known != tables.identities.end() && known->second != 0 && identity != 0 && known->second != identity;
    if (tables.gone.erase(name) > 0 || is_other) tables.remade[name] = request.cycle;
    // One that could not be looked at this time is the one of before.
    if (identity != 0 || known == tables.identities.end()) tables.identities[name] = identity;
  }
  const auto note_gone = [&](const std::string& table) {
    const std::string name = FoldName(table);
    if (announced.contains(name) || !has_journal(table)) return;
    tables.identities.try_emplace(name, 0);
    tables.gone.insert(name);
  };
  for (const auto& [name, identity] : std::map(tables.identities)) note_gone(name);
  // Also one that left with the first announcement that is noted here.
  for (const TableRecord& record : view.records) note_gone(record.table);
  return tables;
}

FeedTables AtAcknowledgement(FeedTables tables, const FeedTables& read, std::int64_t completed_cycle) {
  for (const auto& [table, cycle] : read.remade) {
    if (cycle > completed_cycle) continue;
    const auto noted = tables.remade.find(table);
    if (noted != tables.remade.end() && noted->second == cycle) tables.remade.erase(noted);
  }
  return tables;
}

absl::Status PlanWithFeed(Mirror& mirror, const AnnounceRequest& request, const AnnounceView& view,
                          AnnouncePlan* planned) MIRROR_REQUIRES(mirror.mutex()) {
  const std::shared_ptr<const JournalRules> rules =
      JournalRulesOf(mirror.options().journal, mirror.context_id());
  *planned = PlanAnnouncement(request, view);
  if (!IsOfHub(mirror) || view.IsOtherSource(request)) return absl::OkStatus();
  const auto has_journal = [&](const std::string& table) { return rules->Of(table).journal; };
  absl::StatusOr<FeedTables> before = ReadFeedTables(mirror.store()->records());
  const bool is_spoiled = absl::IsDataLoss(before.status());
  if (is_spoiled) before = FeedTables{};
  if (!before.ok()) return before.status();
  FeedTables after = AtAnnouncement(*before, request, view, has_journal);
  if (is_spoiled) {
    // Somebody changed the document by hand. Any table may be another one, so that the hub looks at all.
    for (const auto& [name, identity] : after.identities) after.remade[name] = request.cycle;
  } else if (after == *before) {
    return absl::OkStatus();
  }
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
  if (absl::Status status = mirror.cycle().Load(*mirror.store()); !status.ok()) return status;
  if (!mirror.cycle().IsNoted(CycleNoteKind::kExchange)) return absl::OkStatus();
  plan->cycle_notes = [planned = std::move(plan->cycle_notes)](const std::vector<StepResult>& steps) {
    CycleNoteChanges changes = planned(steps);
    changes.written.push_back({CycleNoteKind::kExchange});
    return changes;
  };
  return absl::OkStatus();
}

}  // namespace mirror
