#include "server/store/sqlite/sqlite_records.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/records/sqlite_cycle_notes.h"
#include "server/store/sqlite/records/sqlite_documents.h"
#include "server/store/sqlite/records/sqlite_hooks.h"
#include "server/store/sqlite/records/sqlite_ledger.h"
#include "server/store/sqlite/records/sqlite_metadata.h"
#include "server/store/sqlite/records/sqlite_receipts.h"
#include "server/store/sqlite/records/sqlite_tenant.h"
#include "server/store/sqlite/records/sqlite_times.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"
#include "server/store/sqlite/rows/sqlite_rows_by_key.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/sqlite_mirror_check.h"

namespace mirror {
namespace {

/// What stands in it is what was agreed now.
bool IsAsAgreed(const TableRecord& record, const std::optional<TableSchema>& schema) {
  return schema && record.state == TableState::kMirrored && record.schema_hash == SchemaHash(*schema);
}

class SqliteRecords final : public StoreRecords {
 public:
  SqliteRecords(SqliteConnection& connection, const std::string& context_id, SqliteWaiting& waiting)
      : connection_(connection),
        context_id_(context_id),
        metadata_(MetadataTable(context_id)),
        waiting_(waiting) {}

  absl::StatusOr<TenantRecord> ReadTenant() override {
    absl::StatusOr<TenantRecord> tenant = ReadTenantOf(connection_, context_id_);
    return tenant.ok() ? waiting_.Show(*std::move(tenant)) : tenant;
  }
  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    return SelectRecord(connection_, metadata_, table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override {
    return SelectRecords(connection_, metadata_);
  }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return SelectSchema(connection_, table);
  }

  absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::optional<TableRecord> record, ReadTable(table));
    if (!record) return std::vector<std::string>{};
    return LostColumns(connection_, table, record->position);
  }

  absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() override {
    ASSIGN_OR_RETURN(const std::int64_t now, ReadNumber(connection_, "PRAGMA schema_version"));
    if (now == looked_schema_) return touched_;
    ASSIGN_OR_RETURN(std::vector<TableRecord> records, ReadTables());
    std::vector<TouchedTable> found;
    for (const TableRecord& record : records) {
      ASSIGN_OR_RETURN(const std::optional<TableSchema> schema, ReadSchema(record.table));
      if (!IsAsAgreed(record, schema)) continue;
      ASSIGN_OR_RETURN(TouchedTable touched, LookForTouch(connection_, record.table, KeptForm(*schema)));
      if (!touched.columns.empty() || !touched.lacks.empty()) found.push_back(std::move(touched));
    }
    RETURN_IF_ERROR(CheckOwnTables(connection_, context_id_));
    looked_schema_ = now;
    touched_ = found;
    return found;
  }

  absl::StatusOr<std::int64_t> CountPartnerRows(const std::string& table) override {
    ASSIGN_OR_RETURN(const std::optional<TableRecord> record, ReadTable(table));
    ASSIGN_OR_RETURN(const std::optional<TableSchema> schema, ReadSchema(table));
    if (!record || record->row_count < 0 || !IsAsAgreed(*record, schema) || KeepsPartner(*schema)) {
      return 0;
    }
    ASSIGN_OR_RETURN(
        const std::int64_t rows,
        ReadNumber(connection_, absl::StrCat("SELECT count(*) FROM main.", QuoteName(record->table))));
    return std::max<std::int64_t>(0, rows - record->row_count);
  }

  absl::StatusOr<std::vector<std::string>> AgreedTables() override {
    ASSIGN_OR_RETURN(
        Query query,
        connection_.Prepare("SELECT table_name FROM _mirror_schema WHERE table_name COLLATE NOCASE IN "
                            "(SELECT name FROM sqlite_schema WHERE type = 'table')"));
    return query.Texts();
  }

  absl::StatusOr<std::vector<std::string>> SetAside(const std::string& table) override {
    return ::mirror::SetAside(connection_, table);
  }

  absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() override {
    if (const std::vector<SchemaAnswer>* const waiting = waiting_.answers()) return *waiting;
    return SelectAnswers(connection_);
  }
  absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() override { return SelectObjects(connection_); }
  absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() override { return SelectOwnIndexes(connection_); }
  std::string IndexTermsOf(const TableSchema& /*kept*/, const std::vector<IndexColumn>& columns) override {
    return IndexTerms(columns);
  }
  absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() override {
    if (const std::vector<CycleNote>* const waiting = waiting_.notes()) return *waiting;
    return SelectCycleNotes(connection_);
  }
  absl::StatusOr<std::vector<TableCheck>> ReadChecks() override { return SelectChecks(connection_); }
  absl::StatusOr<std::vector<Hold>> ReadHolds() override { return SelectHolds(connection_); }
  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    return SelectLosses(connection_, table);
  }
  absl::StatusOr<Freshness> ReadFreshness() override {
    absl::StatusOr<Freshness> freshness = SelectFreshness(connection_);
    if (freshness.ok()) waiting_.Show(&*freshness);
    return freshness;
  }
  absl::StatusOr<ReceiptHead> ReadReceiptHead() override { return SelectReceiptHead(connection_); }
  absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after, std::size_t count_max) override {
    return SelectReceipts(connection_, after, count_max);
  }

  absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) override {
    return SelectHook(connection_, hook);
  }
  absl::StatusOr<std::vector<Document>> ReadDocuments(const std::string& kind, const std::string& from,
                                                      std::size_t count_max) override {
    return SelectDocuments(connection_, kind, from, count_max);
  }
  absl::StatusOr<ListedDocuments> ReadListedDocuments() override {
    return SelectListedDocuments(connection_);
  }
  absl::StatusOr<RowBlock> ReadRows(const TableSchema& kept, const std::vector<std::string>& keys,
                                    std::uint64_t bytes_max) override {
    return ReadRowsByKey(connection_, kept, keys, bytes_max);
  }

 private:
  SqliteConnection& connection_;
  const std::string context_id_;
  const std::string metadata_;
  SqliteWaiting& waiting_;
  std::int64_t looked_schema_ = -1;    ///< `schema_version` at the last look for touched tables.
  std::vector<TouchedTable> touched_;  ///< What that found.
};

}  // namespace

std::unique_ptr<StoreRecords> MakeSqliteRecords(SqliteConnection& connection, const std::string& context_id,
                                                SqliteWaiting& waiting) {
  return std::make_unique<SqliteRecords>(connection, context_id, waiting);
}

}  // namespace mirror
