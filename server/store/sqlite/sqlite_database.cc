#include "server/store/sqlite/sqlite_database.h"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crash_point.h"
#include "server/store/plan_runner.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_files.h"
#include "server/store/sqlite/file/sqlite_quarantine.h"
#include "server/store/sqlite/records/sqlite_cycle_notes.h"
#include "server/store/sqlite/records/sqlite_hooks.h"
#include "server/store/sqlite/records/sqlite_ledger.h"
#include "server/store/sqlite/records/sqlite_metadata.h"
#include "server/store/sqlite/records/sqlite_receipts.h"
#include "server/store/sqlite/records/sqlite_tenant.h"
#include "server/store/sqlite/records/sqlite_times.h"
#include "server/store/sqlite/rows/sqlite_objects.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/sqlite_mirror_check.h"
#include "server/store/sqlite/sqlite_snapshot.h"
#include "server/store/sqlite/sqlite_transaction.h"

namespace mirror {

namespace {

/// What stands in it is what was agreed now.
bool IsAsAgreed(const TableRecord& record, const std::optional<TableSchema>& schema) {
  return schema && record.state == TableState::kMirrored && record.schema_hash == SchemaHash(*schema);
}

class Database final : public SqliteDatabase {
 public:
  Database(std::unique_ptr<SqliteConnection> connection, std::string context_id, const SqliteOptions& options,
           std::string quarantined)
      : connection_(std::move(connection)),
        context_id_(std::move(context_id)),
        options_(options),
        transaction_(MakeSqliteTransaction(*connection_, context_id_, options_)),
        metadata_(MetadataTable(context_id_)),
        quarantined_(std::move(quarantined)) {}

  absl::Status Prepare() {
    // One transaction: a file that died in the middle of its making has no metadata, and gets it here.
    if (absl::Status status = connection_->Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
    absl::Status status = TakeOverFile(*connection_, context_id_);
    if (status.ok()) status = CreateOwnTables(*connection_, context_id_);
    if (status.ok()) status = InsertTenant(*connection_, context_id_);
    if (status.ok()) status = connection_->Execute("COMMIT");
    if (!status.ok()) transaction_->Rollback();
    connection_->KnowLog();
    return status;
  }

  absl::StatusOr<TenantRecord> ReadTenant() override { return ReadTenantOf(*connection_, context_id_); }
  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    return SelectRecord(*connection_, metadata_, table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override {
    return SelectRecords(*connection_, metadata_);
  }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return SelectSchema(*connection_, table);
  }

  absl::StatusOr<std::vector<std::string>> ReadLostColumns(const std::string& table) override {
    const absl::StatusOr<std::optional<TableRecord>> record = ReadTable(table);
    if (!record.ok()) return record.status();
    if (!*record) return std::vector<std::string>{};
    return LostColumns(*connection_, table, (*record)->position);
  }

  absl::StatusOr<std::vector<TouchedTable>> ReadTouchedTables() override {
    const absl::StatusOr<std::int64_t> now = ReadNumber("PRAGMA schema_version");
    if (!now.ok()) return now.status();
    if (*now == looked_schema_) return touched_;
    absl::StatusOr<std::vector<TableRecord>> records = ReadTables();
    if (!records.ok()) return records.status();
    std::vector<TouchedTable> found;
    for (const TableRecord& record : *records) {
      const absl::StatusOr<std::optional<TableSchema>> schema = ReadSchema(record.table);
      if (!schema.ok()) return schema.status();
      if (!IsAsAgreed(record, *schema)) continue;
      absl::StatusOr<TouchedTable> touched = LookForTouch(*connection_, record.table, KeptForm(**schema));
      if (!touched.ok()) return touched.status();
      if (!touched->columns.empty() || !touched->lacks.empty()) found.push_back(*std::move(touched));
    }
    if (absl::Status own = CheckOwnTables(); !own.ok()) return own;
    looked_schema_ = *now;
    touched_ = found;
    return found;
  }

  absl::StatusOr<std::int64_t> CountPartnerRows(const std::string& table) override {
    const absl::StatusOr<std::optional<TableRecord>> record = ReadTable(table);
    if (!record.ok()) return record.status();
    const absl::StatusOr<std::optional<TableSchema>> schema = ReadSchema(table);
    if (!schema.ok()) return schema.status();
    if (!*record || (*record)->row_count < 0 || !IsAsAgreed(**record, *schema) || KeepsPartner(**schema)) {
      return 0;
    }
    absl::StatusOr<Query> query =
        connection_->Prepare(absl::StrCat("SELECT count(*) FROM main.", QuoteName((*record)->table)));
    if (!query.ok()) return query.status();
    const absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    return std::max<std::int64_t>(0, query->Int(0) - (*record)->row_count);
  }

  absl::StatusOr<std::vector<std::string>> AgreedTables() override {
    absl::StatusOr<Query> query = connection_->Prepare(
        "SELECT table_name FROM _mirror_schema WHERE table_name COLLATE NOCASE IN "
        "(SELECT name FROM sqlite_schema WHERE type = 'table')");
    if (!query.ok()) return query.status();
    return query->Texts();
  }

  absl::StatusOr<std::vector<std::string>> SetAside(const std::string& table) override {
    return ::mirror::SetAside(*connection_, table);
  }

  absl::StatusOr<std::vector<SchemaAnswer>> ReadAnswers() override { return SelectAnswers(*connection_); }
  absl::StatusOr<std::vector<KeptObjects>> ReadSourceObjects() override {
    return SelectObjects(*connection_);
  }
  absl::StatusOr<std::vector<OwnIndex>> ReadOwnIndexes() override { return SelectOwnIndexes(*connection_); }
  absl::StatusOr<std::vector<CycleNote>> ReadCycleNotes() override { return SelectCycleNotes(*connection_); }
  absl::StatusOr<std::vector<TableCheck>> ReadChecks() override { return SelectChecks(*connection_); }
  absl::StatusOr<std::vector<Hold>> ReadHolds() override { return SelectHolds(*connection_); }
  absl::StatusOr<std::vector<Loss>> ReadLosses(const std::string& table) override {
    return SelectLosses(*connection_, table);
  }
  absl::StatusOr<Freshness> ReadFreshness() override { return SelectFreshness(*connection_); }
  absl::StatusOr<ReceiptHead> ReadReceiptHead() override { return SelectReceiptHead(*connection_); }
  absl::StatusOr<std::vector<std::string>> ReadReceipts(std::uint64_t after, std::size_t count_max) override {
    return SelectReceipts(*connection_, after, count_max);
  }

  absl::StatusOr<std::optional<HookNote>> ReadHook(const std::string& hook) override {
    return SelectHook(*connection_, hook);
  }

  absl::StatusOr<std::vector<Nonce>> ReadNonces() override { return SelectNonces(*connection_); }

  absl::Status EndBuilding() override {
    if (absl::Status status = connection_->Execute("BEGIN IMMEDIATE"); !status.ok()) return status;
    absl::Status status = EmptyUnfinished(*connection_);
    CrashPoint("building.emptied");
    if (status.ok()) status = connection_->Execute("COMMIT");
    if (!status.ok()) transaction_->Rollback();
    return status;
  }

  absl::Status CheckTable(const TableSchema& table) override {
    return CheckSqliteTableName(table.name, context_id_);
  }

  absl::StatusOr<std::unique_ptr<StoreWork>> Begin() override {
    if (absl::Status status = CheckFiles(*connection_); !status.ok()) return status;
    connection_->TrimStatements();
    if (absl::Status status = CheckLogSize(*connection_, options_.wal_bytes_max); !status.ok()) return status;
    return BeginWork(*transaction_);
  }

  absl::StatusOr<std::int64_t> ReadDataVersion() override { return ReadNumber("PRAGMA data_version"); }

  absl::StatusOr<std::unique_ptr<Snapshot>> OpenSnapshot() override {
    if (absl::Status status = CheckFiles(*connection_); !status.ok()) return status;
    absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = OpenSqliteSnapshot(connection_->path(), context_id_);
    if (!snapshot.ok()) return snapshot;
    // Looked at once more: a file put there meanwhile is another mirror, and without our log it is an older
    // one.
    if (absl::Status status = CheckFiles(*connection_); !status.ok()) return status;
    return snapshot;
  }

  bool IsDurable() override { return true; }

  absl::Status CheckWhole(std::chrono::milliseconds patience) override {
    return ::mirror::CheckWhole(*connection_, patience);
  }

  bool Replaced() override {
    // Only once nothing of a log that nothing leads to can be lost.
    return !connection_->SameFile() || (!connection_->SameLog() && connection_->EmptyLog(0)) ||
           HasOtherLayout(*connection_);
  }

  absl::Status Scrub() override { return connection_->Rewrite(); }

  void Rest() override {
    // Measured with small tables: statements are 77 KB of an open tenant, its page cache 83 KB, the rest 77
    // KB.
    connection_->StandAlone();
    connection_->ForgetStatements();
    sqlite3_db_release_memory(connection_->handle());
  }

  absl::Status Quarantine(const std::string& why) override {
    quarantined_ = why;
    return WriteQuarantine(connection_->path(), why);
  }
  std::string Quarantined() override { return quarantined_; }
  absl::Status Release() override {
    if (absl::Status status = RemoveQuarantine(connection_->path()); !status.ok()) return status;
    quarantined_.clear();
    connection_->KeepLog(false);
    return absl::OkStatus();
  }

  absl::Status CheckIntegrity() override {
    absl::StatusOr<Query> query = connection_->Prepare("PRAGMA integrity_check(10)");
    if (!query.ok()) return query.status();
    absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    const std::string said = *row ? query->Text(0) : "no answer";
    if (said != "ok") return absl::DataLossError(said);
    return ReadTenant().status();
  }

  absl::Status CheckOwnTables() override {
    absl::Status status = ::mirror::CheckOwnTables(*connection_, context_id_);
    return status.ok() ? CheckOwnColumns(*connection_, context_id_) : status;
  }

  std::uint64_t BytesOnDisk() override {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(connection_->path(), error);
    return (error ? 0 : size) + connection_->WalBytes();
  }

 private:
  absl::StatusOr<std::int64_t> ReadNumber(const char* sql) {
    absl::StatusOr<Query> query = connection_->Prepare(sql);
    if (!query.ok()) return query.status();
    const absl::StatusOr<bool> row = query->Step();
    if (!row.ok()) return row.status();
    return query->Int(0);
  }

  std::unique_ptr<SqliteConnection> connection_;
  std::string context_id_;
  SqliteOptions options_;
  std::unique_ptr<StoreTransaction> transaction_;
  std::string metadata_;
  std::int64_t looked_schema_ = -1;    ///< `schema_version` at the last look for touched tables.
  std::vector<TouchedTable> touched_;  ///< What that found.
  std::string quarantined_;            ///< Why; empty: it is not.
};

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteDatabase>> OpenSqliteDatabase(const std::string& path,
                                                                   const std::string& context_id, bool create,
                                                                   FileUse use,
                                                                   const SqliteOptions& options) {
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open(path, create, use, options.checkpointer);
  if (!connection.ok()) return connection.status();
  std::string quarantined = ReadQuarantine(path);
  (*connection)->KeepLog(!quarantined.empty());
  auto database =
      std::make_unique<Database>(*std::move(connection), context_id, options, std::move(quarantined));
  if (absl::Status status = database->Prepare(); !status.ok()) return status;
  return database;
}

}  // namespace mirror
