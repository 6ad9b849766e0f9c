#include "server/tenant/mirror/unsent_tables.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/cut_message.h"
#include "base/folded_name.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "proto/wire/table.h"
#include "server/tenant/mirror/own_document.h"

namespace mirror {
namespace {

constexpr char kUnsentKind[] = "unsent";
/// Maximum bytes of a stored name. A name that can be announced is never longer.
constexpr std::size_t kNameBytesKept = 1'600;
/// Maximum number of names in a sentence for each reason.
constexpr std::size_t kNamesListed = 10;

/// Makes an unannounced table's name printable: a mirror need not allow the name.
std::string ShownName(const std::string& name) { return CutMessage(Printable(name), kNameBytesKept); }

}  // namespace

const UnsentTable* UnsentTables::Find(const std::string& table) const {
  // Two tables may share a folded name: an exact match is preferred.
  const std::string name = ShownName(table);
  const UnsentTable* found = nullptr;
  for (const UnsentTable& one : tables) {
    if (one.table == name) return &one;
    if (found == nullptr && IsAnnounced(one.reason) && SameName(one.table, name)) found = &one;
  }
  return found;
}

absl::StatusOr<UnsentTables> ReadUnsent(StoreRecords& records) {
  ASSIGN_OR_RETURN(const OwnDocument document, ReadOwnDocument(records, kUnsentKind));
  UnsentTables unsent;
  if (!document.json) return unsent;
  const JsonView root = document.json->root();
  const std::optional<JsonView> tables = root.Find("tables");
  if (!tables) return unsent;
  for (const JsonView& table : tables->Elements()) {
    if (unsent.tables.size() == UnsentTables::kKept) break;
    unsent.tables.push_back({table.TextOf("table"),
                             ParseUnsentReason(table.TextOf("reason")).value_or(UnsentReason::kUnknown),
                             NumberIn(table, "since_ms")});
  }
  unsent.count = std::max<std::uint64_t>(root.NumberOf("count"), unsent.tables.size());
  return unsent;
}

DocumentChange Write(const UnsentTables& unsent) {
  if (unsent.count == 0) return {kUnsentKind, "", std::nullopt};
  JsonWriter json;
  json.Begin('{').Member("count", unsent.count).Key("tables").Begin('[');
  for (const UnsentTable& table : unsent.tables) {
    json.Begin('{').Member("table", table.table).Member("reason", ToString(table.reason));
    json.Member("since_ms", absl::StrCat(table.since_ms)).End('}');
  }
  json.End(']').End('}');
  return {kUnsentKind, "", json.Take()};
}

UnsentTables AfterCycle(const UnsentTables& before, const std::vector<UnsentTable>& told,
                        const std::set<std::string>& refused, std::int64_t now_ms) {
  // Sorted by folded name, then by spelling.
  std::map<std::pair<std::string, std::string>, UnsentTable> next;
  for (const UnsentTable& one : told) {
    UnsentTable table{ShownName(one.table), one.reason, now_ms};
    const std::string folded = FoldName(table.table);
    if (IsAnnounced(table.reason) && refused.contains(folded)) continue;
    const UnsentTable* const known = before.Find(table.table);
    if (known != nullptr) table.since_ms = known->since_ms;
    if (table.reason == UnsentReason::kAgain) {
      // It is reported only when the next cycle fails, too.
      if (known == nullptr) continue;
      table.reason = known->reason;
    }
    next.insert_or_assign({folded, table.table}, table);
  }
  UnsentTables unsent{.count = next.size()};
  for (auto& [key, table] : next) {
    if (unsent.tables.size() == UnsentTables::kKept) break;
    unsent.tables.push_back(std::move(table));
  }
  return unsent;
}

UnsentNews NewsOf(const UnsentTables& before, const UnsentTables& next) {
  UnsentNews news;
  for (const UnsentTable& table : next.tables) {
    const UnsentTable* const known = before.Find(table.table);
    if (known == nullptr || known->reason != table.reason) news.unsent.push_back(table);
  }
  // If not all tables are named, an unnamed one may still be unsent.
  if (next.count > next.tables.size()) return news;
  for (const UnsentTable& table : before.tables) {
    if (next.Find(table.table) == nullptr) news.sent_again.push_back(table.table);
  }
  return news;
}

std::string InWords(const std::vector<UnsentTable>& tables) {
  std::map<UnsentReason, std::vector<std::string>> names;
  for (const UnsentTable& table : tables) names[table.reason].push_back(table.table);
  std::vector<std::string> parts;
  for (const auto& [reason, of] : names) {
    parts.push_back(absl::StrCat(ListNames(of, kNamesListed), " (", std::string(UnsentWords(reason)), ")"));
  }
  return absl::StrJoin(parts, "; ");
}

}  // namespace mirror
