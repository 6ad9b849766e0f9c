#include "server/store/sqlite/sqlite_database.h"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "base/status_macros.h"
#include "server/store/begin_work.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_cycle_notes.h"
#include "server/store/sqlite/file/sqlite_documents.h"
#include "server/store/sqlite/file/sqlite_files.h"
#include "server/store/sqlite/file/sqlite_hooks.h"
#include "server/store/sqlite/file/sqlite_ledger.h"
#include "server/store/sqlite/file/sqlite_metadata.h"
#include "server/store/sqlite/file/sqlite_quarantine.h"
#include "server/store/sqlite/file/sqlite_receipts.h"
#include "server/store/sqlite/file/sqlite_tenant.h"
#include "server/store/sqlite/file/sqlite_times.h"
#include "server/store/sqlite/file/sqlite_waiting.h"
#include "server/store/sqlite/rows/sqlite_history.h"
#include "server/store/sqlite/rows/sqlite_image_insert.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/rows/sqlite_stored_row.h"
#include "server/store/sqlite/sqlite_mirror_check.h"
#include "server/store/sqlite/sqlite_snapshot.h"
#include "server/store/sqlite/sqlite_transaction.h"
#include "server/store/store_records.h"
#include "server/store/store_upkeep.h"

namespace mirror {
namespace {

/// Returns whether the table's rows have its agreed definition.
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
  std::int64_t looked_schema_ = -1;    ///< `schema_version` when touched tables were searched last.
  std::vector<TouchedTable> touched_;  ///< The result of that search.
};

/// Makes the reads of one mirror file and of the rows that wait to be written to it. `connection` and
/// `waiting` must outlive the result.
std::unique_ptr<StoreRecords> MakeSqliteRecords(SqliteConnection& connection, const std::string& context_id,
                                                SqliteWaiting& waiting) {
  return std::make_unique<SqliteRecords>(connection, context_id, waiting);
}

class SqliteUpkeep final : public StoreUpkeep {
 public:
  SqliteUpkeep(SqliteConnection& connection, const std::string& context_id,
               std::function<absl::Status()> write_waiting)
      : connection_(connection),
        context_id_(context_id),
        write_waiting_(std::move(write_waiting)),
        quarantined_(ReadQuarantine(connection.path())) {
    connection_.KeepLog(!quarantined_.empty());
  }

  absl::Status WriteWaiting() override { return write_waiting_(); }

  absl::Status CheckWhole(std::chrono::milliseconds patience) override {
    RETURN_IF_ERROR(WriteWaiting());
    return ::mirror::CheckWhole(connection_, patience);
  }

  Stale WhyStale() override {
    // First empties a log that has lost its name, so that nothing in it is lost.
    const bool replaced = !connection_.SameFile() || (!connection_.SameLog() && connection_.EmptyLog(0)) ||
                          HasOtherLayout(connection_);
    return replaced ? Stale::kReplaced : Stale::kNo;
  }

  absl::Status Scrub() override { return connection_.Rewrite(); }

  void StandAlone() override { connection_.StandAlone(); }
  void Rest() override {
    // Memory of an open tenant, measured with small tables: statements 77 KB, page cache 83 KB, the rest 77
    // KB.
    connection_.StandAlone();
    connection_.ForgetStatements();
    ForgetImages(connection_);
    sqlite3_db_release_memory(connection_.handle());
  }

  absl::Status Quarantine(const std::string& why) override {
    quarantined_ = why;
    return WriteQuarantine(connection_.path(), why);
  }
  std::string Quarantined() override { return quarantined_; }
  absl::Status Release() override {
    RETURN_IF_ERROR(RemoveQuarantine(connection_.path()));
    quarantined_.clear();
    connection_.KeepLog(false);
    return absl::OkStatus();
  }

  absl::Status CheckIntegrity() override {
    ASSIGN_OR_RETURN(Query query, connection_.Prepare("PRAGMA integrity_check(10)"));
    ASSIGN_OR_RETURN(bool row, query.Step());
    const std::string said = row ? query.Text(0) : "no answer";
    if (said != "ok") return absl::DataLossError(said);
    RETURN_IF_ERROR(CheckOwnTables());
    return ReadTenantOf(connection_, context_id_).status();
  }

  absl::StatusOr<std::vector<std::string>> ReadHistories() override { return SelectHistories(connection_); }
  absl::Status CheckOwnTables() override { return CheckOwnTablesAndColumns(connection_, context_id_); }

  std::uint64_t BytesOnDisk() override {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(connection_.path(), error);
    return (error ? 0 : size) + connection_.WalBytes();
  }

 private:
  SqliteConnection& connection_;
  const std::string context_id_;
  const std::function<absl::Status()> write_waiting_;
  std::string quarantined_;  ///< The reason; empty: the store is not quarantined.
};

/// Makes the maintenance calls for one mirror file. `connection` must outlive the result. `write_waiting`:
/// see StoreUpkeep::WriteWaiting().
std::unique_ptr<StoreUpkeep> MakeSqliteUpkeep(SqliteConnection& connection, const std::string& context_id,
                                              std::function<absl::Status()> write_waiting) {
  return std::make_unique<SqliteUpkeep>(connection, context_id, std::move(write_waiting));
}

class Database final : public SqliteDatabase {
 public:
  Database(std::unique_ptr<SqliteConnection> connection, std::string context_id, const SqliteOptions& options)
      : connection_(std::move(connection)),
        context_id_(std::move(context_id)),
        options_(options),
        transaction_(MakeSqliteTransaction(*connection_, context_id_, options_, waiting_)),
        records_(MakeSqliteRecords(*connection_, context_id_, waiting_)),
        upkeep_(MakeSqliteUpkeep(*connection_, context_id_, [this] { return WriteWaiting(); })) {}

  ~Database() override {
    if (waiting_.empty()) return;
    // A quarantined file stays unchanged, and a file that replaced ours is not ours.
    const bool may_write =
        upkeep_->Quarantined().empty() && upkeep_->WhyStale() == Stale::kNo && !connection_->LostPages();
    try {
      if (may_write && WriteWaiting().ok()) return;
    } catch (const std::bad_alloc&) {
      // The nonces are lost, as if the disk were full.
    }
    if (waiting_.has_nonces() && options_.forgot_nonces) options_.forgot_nonces();
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  absl::Status Prepare() {
    // One transaction does all of this. A file whose creation was interrupted has no metadata, and gets it
    // here.
    RETURN_IF_ERROR(connection_->Execute("BEGIN IMMEDIATE"));
    absl::Status status = TakeOverFile(*connection_, context_id_);
    const bool ours = status.ok();
    if (status.ok()) status = CreateOwnTables(*connection_, context_id_);
    if (status.ok()) status = InsertTenant(*connection_, context_id_);
    absl::StatusOr<std::optional<TenantRecord>> tenant = std::nullopt;
    if (status.ok()) tenant = SelectTenant(*connection_);
    if (status.ok()) status = tenant.status();
    if (status.ok()) status = connection_->Execute("COMMIT");
    if (ours && absl::IsFailedPrecondition(status)) {
      // Our statements name the columns of our tables. If one fails, somebody may have changed those by hand.
      if (absl::Status own = CheckOwnColumns(*connection_, context_id_); absl::IsDataLoss(own)) status = own;
    }
    if (!status.ok()) transaction_->Rollback();
    connection_->KnowLog();
    if (!status.ok() || !*tenant || (*tenant)->door() != Door::kRecords) return status;
    // Deleted records must not remain on disk. So freed pages are overwritten too, at the cost of more
    // writes. StoreUpkeep::Scrub() removes the deleted data that remains in other pages.
    return connection_->Execute("PRAGMA secure_delete = ON");
  }

  StoreRecords& records() override { return *records_; }
  StoreUpkeep& upkeep() override { return *upkeep_; }

  absl::StatusOr<std::vector<Nonce>> ReadNonces() override { return SelectNonces(*connection_); }

  absl::Status EndBuilding() override {
    RETURN_IF_ERROR(connection_->Execute("BEGIN IMMEDIATE"));
    absl::Status status = EmptyUnfinished(*connection_);
    CrashPoint("building.emptied");
    if (status.ok()) status = connection_->Execute("COMMIT");
    if (!status.ok()) {
      transaction_->Rollback();
      return status;
    }
    // If the file is closed from now on, it is marked as a mirror and complete by itself.
    connection_->ForgetStatements();
    ForgetImages(*connection_);
    return connection_->Execute("PRAGMA journal_mode = WAL");
  }

  absl::Status CheckTable(const TableSchema& table) override {
    return CheckSqliteTableName(table.name, context_id_);
  }

  absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) override {
    // The commit checks whether the files are still ours.
    if (connection_->LostPages()) return LostPages(*connection_);
    connection_->TrimStatements();
    RETURN_IF_ERROR(CheckLogSize(*connection_, options_.wal_bytes_max));
    return BeginWork(*transaction_, intent);
  }

  absl::StatusOr<std::int64_t> ReadDataVersion() override {
    return ReadNumber(*connection_, "PRAGMA data_version");
  }

  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override {
    RETURN_IF_ERROR(CheckFiles(*connection_));
    absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = OpenSqliteSnapshot(connection_->path(), context_id_);
    if (!snapshot.ok()) return snapshot;
    // Checks the files again. If another file was put there meanwhile, it is another mirror. Without our log
    // the snapshot would show an older state of ours.
    RETURN_IF_ERROR(CheckFiles(*connection_));
    return snapshot;
  }

  bool IsBuilding() override { return false; }
  bool IsDurable() override { return true; }
  absl::Status MakeDurable() override { return absl::OkStatus(); }

 private:
  absl::Status WriteWaiting() {
    if (waiting_.empty()) return absl::OkStatus();
    absl::Status status = transaction_->Begin(Intent{});
    if (status.ok()) status = transaction_->tenant().ReadTenant().status();
    if (status.ok()) status = transaction_->StartPlan(Plan{});
    if (status.ok()) return transaction_->Commit(Kept::kWithNext);
    transaction_->Rollback();
    return status;
  }

  std::unique_ptr<SqliteConnection> connection_;
  std::string context_id_;
  SqliteOptions options_;
  SqliteWaiting waiting_;
  std::unique_ptr<StoreTransaction> transaction_;
  std::unique_ptr<StoreRecords> records_;
  std::unique_ptr<StoreUpkeep> upkeep_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteDatabase>> OpenSqliteDatabase(const std::string& path,
                                                                   const std::string& context_id, bool create,
                                                                   MirrorUse use,
                                                                   const SqliteOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> connection,
                   SqliteConnection::Open(path, create, use, options.checkpointer));
  auto database = std::make_unique<Database>(std::move(connection), context_id, options);
  RETURN_IF_ERROR(database->Prepare());
  return database;
}

}  // namespace mirror
