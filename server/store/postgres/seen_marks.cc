#include "server/store/postgres/seen_marks.h"

#include "base/folded_name.h"
#include "server/store/postgres/history/journal_rows.h"
#include "server/store/postgres/records/metadata_rows.h"

namespace mirror {

void SeenMarks::Know(const std::vector<std::string>& tables,
                     const std::map<std::string, std::string>& texts) {
  has_all_ = tables.empty();
  for (const std::string& table : tables) texts_[FoldName(table)] = std::nullopt;
  for (const auto& [table, text] : texts) texts_[table] = text;
}

void SeenMarks::Put(const std::vector<DocumentChange>& changes) {
  for (const DocumentChange& change : changes) {
    if (change.kind == kSeenKind) texts_[change.id] = change.text;
  }
}

absl::StatusOr<std::optional<std::string>> SeenMarks::Find(WorkView& view, const std::string& table) {
  const std::string key = FoldName(table);
  if (const auto known = texts_.find(key); known != texts_.end()) return known->second;
  if (has_all_) return std::nullopt;
  postgres::Array keys = KeysOf({table});
  const auto rows = view.writes().SendAndQuery(view.connection(), SeenSql(view.names(), /*of_tables=*/true),
                                               {keys.value()}, "reading what the journal saw last");
  if (!rows.ok()) return rows.status();
  std::optional<std::string>& text = texts_[key];
  if (rows->rows() == 1) text = rows->Text(0, 1);
  return text;
}

}  // namespace mirror
