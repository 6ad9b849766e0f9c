#include "server/store/sqlite/sqlite_database.h"

#include <new>
#include <optional>
#include <utility>

#include "base/crash_point.h"
#include "base/status_macros.h"
#include "server/store/begin_work.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_files.h"
#include "server/store/sqlite/records/sqlite_tenant.h"
#include "server/store/sqlite/records/sqlite_waiting.h"
#include "server/store/sqlite/rows/sqlite_image_insert.h"
#include "server/store/sqlite/rows/sqlite_schema.h"
#include "server/store/sqlite/sqlite_mirror_check.h"
#include "server/store/sqlite/sqlite_records.h"
#include "server/store/sqlite/sqlite_snapshot.h"
#include "server/store/sqlite/sqlite_transaction.h"
#include "server/store/sqlite/sqlite_upkeep.h"

namespace mirror {

namespace {

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
    // A quarantined file stays as it is, and one that was replaced is nobody's.
    const bool may_write =
        upkeep_->Quarantined().empty() && upkeep_->WhyStale() == Stale::kNo && !connection_->LostPages();
    try {
      if (may_write && WriteWaiting().ok()) return;
    } catch (const std::bad_alloc&) {
      // As if the disk were full.
    }
    if (waiting_.has_nonces() && options_.forgot_nonces) options_.forgot_nonces();
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  absl::Status Prepare() {
    // One transaction: a file that died in the middle of its making has no metadata, and gets it here.
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
      // Our statements know the columns of our tables: somebody may have changed those by hand.
      if (absl::Status own = CheckOwnColumns(*connection_, context_id_); absl::IsDataLoss(own)) status = own;
    }
    if (!status.ok()) transaction_->Rollback();
    connection_->KnowLog();
    if (!status.ok() || !*tenant || (*tenant)->door() != Door::kRecords) return status;
    // Whoever deletes records means it: pages that become free are overwritten, too, which writes more. What
    // remains in others goes with StoreUpkeep::Scrub().
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
    // Closed with it, the file has a mirror's mark, and there is nothing of it outside.
    connection_->ForgetStatements();
    ForgetImages(*connection_);
    return connection_->Execute("PRAGMA journal_mode = WAL");
  }

  absl::Status CheckTable(const TableSchema& table) override {
    return CheckSqliteTableName(table.name, context_id_);
  }

  absl::StatusOr<std::unique_ptr<StoreWork>> Begin(const Intent& intent) override {
    // Whether the files are still ours is looked at before the commit.
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
    // Looked at once more: a file put there meanwhile is another mirror, and without our log it is an older
    // one.
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
