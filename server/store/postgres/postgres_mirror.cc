#include "server/store/postgres/postgres_mirror.h"

#include <utility>

#include "base/folded_name.h"
#include "base/status_macros.h"
#include "server/store/postgres/place/store_status.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/receipt_rows.h"
#include "server/store/postgres/tables/definitions.h"
#include "server/store/postgres/tables/journal_rows.h"

namespace mirror {
namespace {

constexpr char kReadingRecords[] = "reading the metadata table";

}  // namespace

WorkView::WorkView(postgres::Connection& connection, const PostgresOwnTables& names,
                   DefinitionCache& definitions, Began began)
    : connection_(connection),
      names_(names),
      definitions_(definitions),
      began_(std::move(began)),
      state_(connection_, names_, writes_),
      has_all_records_(began_.tables.empty()) {
  state_.Know(StateKind::kJournal, began_.journal);
  for (const std::string& table : began_.tables) records_[FoldName(table)] = std::nullopt;
  for (TableRecord& record : began_.records) {
    const std::string key = FoldName(record.table);
    records_[key] = std::move(record);
  }
}

void WorkView::PutTenant(const TenantRecord& tenant) {
  UpdateTenant(writes_, names_, tenant);
  if (began_.row.tenant.active && !tenant.active) ends_cycle_ = true;
  began_.row.tenant = tenant;
  tenant_moved_ = true;
}

absl::StatusOr<TableWork> WorkView::Work() {
  RETURN_IF_ERROR(writes_.Send(connection_));
  return TableWork{connection_, names_, writes_, &may_wait_};
}

absl::Status WorkView::ReadRecords(const std::vector<std::string>& tables) {
  postgres::Array keys = KeysOf(tables);
  std::vector<postgres::Value> values;
  if (!tables.empty()) values.push_back(keys.value());
  const auto rows = writes_.SendAndQuery(
      connection_, SelectRecordsSql(names_, !tables.empty(), /*lock=*/began_.locks_records), values,
      kReadingRecords);
  if (!rows.ok()) return rows.status();
  for (const std::string& table : tables) records_[FoldName(table)] = std::nullopt;
  for (TableRecord& record : RecordsOf(*rows)) {
    const std::string key = FoldName(record.table);
    records_[key] = std::move(record);
  }
  has_all_records_ = has_all_records_ || tables.empty();
  return absl::OkStatus();
}

absl::StatusOr<std::optional<TableRecord>> WorkView::FindRecord(const std::string& table) {
  const std::string key = FoldName(table);
  if (!has_all_records_ && !records_.contains(key)) RETURN_IF_ERROR(ReadRecords({table}));
  const auto found = records_.find(key);
  return found == records_.end() ? std::nullopt : found->second;
}

absl::StatusOr<std::vector<TableRecord>> WorkView::Records() {
  if (!has_all_records_) RETURN_IF_ERROR(ReadRecords({}));
  std::vector<TableRecord> records;
  for (const auto& [key, record] : records_) {
    if (record) records.push_back(*record);
  }
  return records;
}

void WorkView::KeepForUndo(const std::string& key) {
  const auto known = records_.find(key);
  undo_.try_emplace(key, known == records_.end() ? std::nullopt : known->second);
}

void WorkView::PutRecord(const TableRecord& record) {
  const std::string key = FoldName(record.table);
  wrote_record_ = true;
  KeepForUndo(key);
  WriteRecord(writes_, names_, record);
  TableRecord& kept = records_[key].emplace(record);
  if (kept.position.lsn == Lsn{}) kept.position.lineage.clear();
}

void WorkView::RemoveRecord(const std::string& table) {
  const std::string key = FoldName(table);
  wrote_record_ = true;
  KeepForUndo(key);
  mirror::RemoveRecord(writes_, names_, table);
  records_[key] = std::nullopt;
}

absl::Status WorkView::ReadDefinitions() {
  if (definitions_.state_rev == began_.row.state_rev) return absl::OkStatus();
  RETURN_IF_ERROR(writes_.Send(connection_));
  ASSIGN_OR_RETURN(auto all, SelectDefinitions(connection_, names_));
  definitions_.tables.clear();
  definitions_.histories.reset();
  for (PostgresAgreed& agreed : all) {
    const std::string key = FoldName(agreed.schema.name);
    definitions_.tables[key] = std::move(agreed);
  }
  definitions_.state_rev = began_.row.state_rev;
  knows_presence_ = false;
  return absl::OkStatus();
}

absl::StatusOr<PostgresAgreed*> WorkView::FindAgreed(const std::string& table) {
  RETURN_IF_ERROR(ReadDefinitions());
  lent_definitions_ = true;
  const auto found = definitions_.tables.find(FoldName(table));
  return found == definitions_.tables.end() ? nullptr : &found->second;
}

absl::StatusOr<std::map<std::string, PostgresAgreed>*> WorkView::Agreed() {
  RETURN_IF_ERROR(ReadDefinitions());
  if (!knows_presence_) {
    std::vector<PostgresAgreed*> each;
    for (auto& [key, agreed] : definitions_.tables) each.push_back(&agreed);
    RETURN_IF_ERROR(writes_.Send(connection_));
    RETURN_IF_ERROR(FindTables(connection_, names_, each));
    knows_presence_ = true;
  }
  lent_definitions_ = true;
  return &definitions_.tables;
}

absl::Status WorkView::CheckOurs(const std::string& table) {
  if (began_.looked_at.contains(table) && !began_.not_ours.contains(table)) return absl::OkStatus();
  RETURN_IF_ERROR(writes_.Send(connection_));
  const postgres::OwnGuard own({.schema = names_.schema_name, .shared = {table}});
  absl::Status ours = ToStoreStatus(own.Find(connection_).status(), TableOwner::kMirroredTable);
  if (!ours.ok()) return ours;
  // Under the tenant's lock no server of ours frees the name.
  began_.looked_at.insert(table);
  began_.not_ours.erase(table);
  return ours;
}

absl::StatusOr<std::map<std::string, PostgresHistory>*> WorkView::Histories() {
  RETURN_IF_ERROR(ReadDefinitions());
  if (!definitions_.histories) {
    RETURN_IF_ERROR(writes_.Send(connection_));
    ASSIGN_OR_RETURN(definitions_.histories, SelectHistories(connection_, names_));
  }
  lent_definitions_ = true;
  return &*definitions_.histories;
}

void WorkView::AddReceipt(std::uint64_t number, const std::string& text) {
  InsertReceipt(writes_, names_, number, text);
  began_.head = {number, HashOf(text)};
}

absl::StatusOr<std::optional<OpenReceipt>> WorkView::FindOpenReceipt(const std::string& table) {
  const std::string key = FoldName(table);
  auto known = began_.open_receipts.find(key);
  if (known == began_.open_receipts.end()) {
    RETURN_IF_ERROR(writes_.Send(connection_));
    ASSIGN_OR_RETURN(auto read, SelectOpenReceipt(connection_, names_, table));
    known = began_.open_receipts.emplace(key, std::move(read)).first;
  }
  return known->second;
}

void WorkView::PutOpenReceipt(const std::string& table, const OpenReceipt& open) {
  WriteOpenReceipt(writes_, names_, table, open);
  began_.open_receipts[FoldName(table)] = open;
}

void WorkView::EmptyAnyway(const std::string& table, std::vector<std::string> columns) {
  if (!columns.empty()) emptied_anyway_[table] = std::move(columns);
}

absl::Status WorkView::NoteEmptiedAnyway() {
  for (const auto& [table, columns] : emptied_anyway_) {
    ASSIGN_OR_RETURN(TableWork work, Work());
    RETURN_IF_ERROR(NoteEmptied(work, table, columns));
    ASSIGN_OR_RETURN(std::optional<TableRecord> record, FindRecord(table));
    if (!record) continue;
    // If the rule is removed later, the source has to send the values again.
    record->position = Position{};
    record->pending.reset();
    PutRecord(*record);
  }
  return absl::OkStatus();
}

void WorkView::SetSavepoint() {
  savepoint_at_ = writes_.size();
  savepoint_sent_ = writes_.sent();
  head_at_savepoint_ = began_.head;
  undo_.clear();
  writes_.Add("SAVEPOINT step", {});
}

void WorkView::ReleaseSavepoint() { writes_.Add("RELEASE SAVEPOINT step", {}); }

void WorkView::RollBackToSavepoint() {
  if (writes_.sent() == savepoint_sent_) {
    writes_.CutTo(savepoint_at_);
  } else {
    writes_.Clear();
    writes_.Add("ROLLBACK TO SAVEPOINT step", {});
    writes_.Add("RELEASE SAVEPOINT step", {});
  }
  for (auto& [key, record] : undo_) records_[key] = std::move(record);
  undo_.clear();
  began_.head = head_at_savepoint_;
  began_.open_receipts.clear();
  state_.ForgetAll();
  ForgetDefinitions();
}

absl::Status WorkView::MoveRevisions() {
  if (wrote_record_ && !began_.locks_records)
    return absl::AbortedError("a table's record was written without its lock. Nothing was applied.");
  if (!tenant_moved_ && !writes_.moves_state()) return absl::OkStatus();
  began_.row.rev += 1;
  if (writes_.moves_state()) {
    const std::int64_t before = std::exchange(began_.row.state_rev, NewStateRev());
    // If another server changed them since they were read, these definitions are outdated and remain so.
    if (definitions_.state_rev == before) definitions_.state_rev = began_.row.state_rev;
  }
  WriteRevisions(writes_, names_, began_.row.rev, began_.row.state_rev);
  return absl::OkStatus();
}

void WorkView::ForgetDefinitions() {
  if (lent_definitions_) definitions_ = {};
  knows_presence_ = false;
}

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
                                               {keys.value()}, "reading the last state that the journal saw");
  if (!rows.ok()) return rows.status();
  std::optional<std::string>& text = texts_[key];
  if (rows->rows() == 1) text = rows->Text(0, 1);
  return text;
}

}  // namespace mirror
