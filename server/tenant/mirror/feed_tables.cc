#include "server/tenant/mirror/feed_tables.h"

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/tenant/mirror/own_document.h"

namespace mirror {
namespace {

constexpr char kFeedTablesKind[] = "feed_tables";

std::uint64_t IdentityOf(const AnnouncedTable& table) {
  if (table.identity != 0 || !table.schema.ok()) return table.identity;
  return table.schema->table_id;
}

/// Absent: not in the form that Write() produces.
std::optional<FeedTables> Parse(const JsonView& root) {
  const std::optional<JsonView> identities = root.Find("identities"), gone = root.Find("gone"),
                                remade = root.Find("remade");
  if (!identities || !gone || !remade) return std::nullopt;
  if (!identities->Is(JsonKind::kObject) || !gone->Is(JsonKind::kArray) || !remade->Is(JsonKind::kObject)) {
    return std::nullopt;
  }
  FeedTables tables{.gone = TextsIn(root, "gone")};
  for (const auto& [table, identity] : identities->Members()) {
    if (!absl::SimpleAtoi(std::string(identity.text()), &tables.identities[std::string(table)])) {
      return std::nullopt;
    }
  }
  for (const auto& [table, cycle] : remade->Members()) {
    const std::optional<std::int64_t> number = WholeNumber(cycle);
    if (!number) return std::nullopt;
    tables.remade[std::string(table)] = *number;
  }
  return tables;
}

}  // namespace

bool FeedTables::IsGone(const std::string& table) const { return gone.contains(FoldName(table)); }

bool FeedTables::IsRemade(const std::string& table) const {
  return is_spoiled || remade.contains(FoldName(table));
}

absl::StatusOr<FeedTables> ReadFeedTables(StoreRecords& records) {
  ASSIGN_OR_RETURN(const OwnDocument document, ReadOwnDocument(records, kFeedTablesKind));
  if (!document.json) return FeedTables{.is_spoiled = document.is_spoiled};
  return Parse(document.json->root()).value_or(FeedTables{.is_spoiled = true});
}

DocumentChange Write(const FeedTables& tables) {
  JsonWriter json;
  json.Begin('{').Key("identities").Begin('{');
  // Identities are written as texts: a JSON reader may not support 64-bit numbers.
  for (const auto& [table, identity] : tables.identities) json.Member(table, absl::StrCat(identity));
  PutTexts(tables.gone, &json.End('}').Key("gone"));
  json.Key("remade").Begin('{');
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
    // An identity that the source could not read this time counts as unchanged.
    if (identity != 0 || known == tables.identities.end()) tables.identities[name] = identity;
  }
  const auto note_gone = [&](const std::string& table) {
    const std::string name = FoldName(table);
    if (announced.contains(name) || !has_journal(table)) return;
    tables.identities.try_emplace(name, 0);
    tables.gone.insert(name);
  };
  for (const auto& [name, identity] : std::map(tables.identities)) note_gone(name);
  // Also a table that disappeared with the first announcement that is noted here.
  for (const TableRecord& record : view.records) note_gone(record.table);
  if (std::exchange(tables.is_spoiled, false)) {
    for (const auto& [name, identity] : tables.identities) tables.remade[name] = request.cycle;
  }
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

}  // namespace mirror
