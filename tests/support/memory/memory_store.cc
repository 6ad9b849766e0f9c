#include "tests/support/memory/memory_store.h"

#include <utility>

#include "absl/status/status.h"
#include "base/folded_name.h"
#include "server/store/begin_work.h"
#include "server/store/own_names.h"
#include "tests/support/memory/memory_snapshot.h"
#include "tests/support/memory/memory_transaction.h"

namespace mirror {

MemoryStore::MemoryStore(std::shared_ptr<MemoryMirror> mirror, const std::string& context_id,
                         std::int64_t value_bytes_max)
    : mirror_(std::move(mirror)),
      context_id_(context_id),
      transaction_(MakeMemoryTransaction(*mirror_, value_bytes_max, &commits_)) {
  mirror_->tenant.context_id = context_id;
}

absl::StatusOr<TenantRecord> MemoryStore::ReadTenant() { return mirror_->tenant; }

absl::StatusOr<std::optional<TableRecord>> MemoryStore::ReadTable(const std::string& table) {
  const auto found = mirror_->records.find(FoldName(table));
  if (found == mirror_->records.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<std::optional<TableSchema>> MemoryStore::ReadSchema(const std::string& table) {
  return AgreedSchema(*mirror_, table);
}

absl::StatusOr<std::vector<std::string>> MemoryStore::ReadLostColumns(const std::string& table) {
  const std::string key = FoldName(table);
  std::vector<std::string> names;
  const auto record = mirror_->records.find(key);
  const auto lost = mirror_->lost_columns.find(key);
  if (record == mirror_->records.end() || lost == mirror_->lost_columns.end()) return names;
  for (const auto& [name, position] : lost->second) {
    if (record->second.position == position) names.push_back(name);
  }
  return names;
}

absl::StatusOr<std::vector<TableRecord>> MemoryStore::ReadTables() {
  std::vector<TableRecord> records;
  for (const auto& [key, record] : mirror_->records) records.push_back(record);
  return records;
}

absl::StatusOr<std::vector<std::string>> MemoryStore::AgreedTables() {
  std::vector<std::string> names;
  for (const auto& [key, schema] : mirror_->agreed) names.push_back(schema.name);
  return names;
}

absl::StatusOr<std::optional<HookNote>> MemoryStore::ReadHook(const std::string& hook) {
  for (const HookNote& note : mirror_->hooks) {
    if (note.hook == hook) return note;
  }
  return std::optional<HookNote>();
}

absl::StatusOr<std::vector<Document>> MemoryStore::ReadDocuments(const std::string& kind,
                                                                 const std::string& from,
                                                                 std::size_t count_max) {
  std::vector<Document> documents;
  for (auto at = mirror_->documents.lower_bound({kind, from});
       at != mirror_->documents.end() && at->first.first == kind && documents.size() < count_max; ++at) {
    documents.push_back(at->second);
  }
  return documents;
}

absl::StatusOr<ListedDocuments> MemoryStore::ReadListedDocuments() {
  ListedDocuments listed;
  for (const auto& [key, document] : mirror_->documents) {
    if (document.kind == kStorageKind && document.id.empty()) listed.storage = document.text;
    if (document.kind == kMemberKind && document.id.empty()) listed.member = document.text;
    if (document.kind == kJobKind) ++listed.jobs;
  }
  return listed;
}

absl::StatusOr<RowBlock> MemoryStore::ReadRows(const TableSchema& kept, const std::vector<std::string>& keys,
                                               std::uint64_t bytes_max) {
  RowBlock block = RowBlock::ForAll(kept);
  std::vector<std::uint32_t> columns;
  for (const ColumnBuffer& buffer : block.columns) columns.push_back(buffer.column());
  std::vector<KeyRange> ranges;
  for (const std::string& key : keys) {
    ranges.push_back({.first = {{.kind = Kind::kText, .bytes = key}},
                      .last = {{.kind = Kind::kText, .bytes = key + '\0'}}});
  }
  if (ranges.empty()) return block;
  const absl::Status read = CopyOf(*mirror_)->ReadRows(
      kept, columns, ranges, 0, [] { return true; },
      [&](RowBlock* rows) {
        block = std::move(*rows);
        return absl::OkStatus();
      });
  if (!read.ok()) return read;
  if (keys.size() > 1 && block.bytes() > bytes_max)
    return absl::OutOfRangeError("the rows have more bytes than were asked for");
  return block;
}

absl::StatusOr<std::vector<CycleNote>> MemoryStore::ReadCycleNotes() {
  std::vector<CycleNote> notes;
  if (mirror_->noted_cycle != mirror_->tenant.cycle) return notes;
  for (const auto& [key, note] : mirror_->cycle_notes) notes.push_back(note);
  return notes;
}

absl::StatusOr<std::vector<KeptObjects>> MemoryStore::ReadSourceObjects() {
  std::vector<KeptObjects> kept;
  for (const auto& [key, objects] : mirror_->source_objects) kept.push_back(objects);
  return kept;
}

absl::StatusOr<std::vector<OwnIndex>> MemoryStore::ReadOwnIndexes() {
  std::vector<OwnIndex> indexes;
  for (const auto& [key, index] : mirror_->own_indexes) indexes.push_back(index);
  return indexes;
}

absl::StatusOr<std::vector<SchemaAnswer>> MemoryStore::ReadAnswers() { return mirror_->answers; }

absl::StatusOr<std::vector<TableCheck>> MemoryStore::ReadChecks() {
  std::vector<TableCheck> checks;
  for (const auto& [key, check] : mirror_->checks) checks.push_back(check);
  return checks;
}

absl::StatusOr<ReceiptHead> MemoryStore::ReadReceiptHead() { return HeadOf(*mirror_); }

absl::StatusOr<std::vector<std::string>> MemoryStore::ReadReceipts(std::uint64_t after,
                                                                   std::size_t count_max) {
  std::vector<std::string> texts;
  for (auto at = mirror_->receipts.upper_bound(after); at != mirror_->receipts.end(); ++at) {
    if (texts.size() == count_max) break;
    texts.push_back(at->second);
  }
  return texts;
}

absl::StatusOr<std::vector<Loss>> MemoryStore::ReadLosses(const std::string& table) {
  std::vector<Loss> losses;
  for (const auto& [cycle, loss] : mirror_->losses[FoldName(table)]) losses.push_back(loss);
  return losses;
}

absl::StatusOr<std::unique_ptr<Snapshot>> MemoryStore::OpenSnapshot() { return CopyOf(*mirror_); }

absl::Status MemoryStore::CheckTable(const TableSchema& table) {
  return CheckNotOwnName(table.name, context_id_);
}

absl::StatusOr<std::unique_ptr<StoreWork>> MemoryStore::Begin(const Intent& intent) {
  return BeginWork(*transaction_, intent);
}

}  // namespace mirror
