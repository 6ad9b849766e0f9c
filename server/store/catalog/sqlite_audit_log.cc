#include <algorithm>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/catalog/audit_rows.h"
#include "server/store/catalog/catalog_records.h"
#include "server/store/catalog/sqlite_catalog.h"

namespace mirror {
namespace {

class SqliteAuditRows final : public AuditRows {
 public:
  explicit SqliteAuditRows(const sqlite::Connection& database) : database_(database) {}

  absl::StatusOr<AuditPoint> Before() override {
    sqlite::Statement query = database_.Prepare(AuditChainTable().SelectSql(kInSqlite));
    ASSIGN_OR_RETURN(const std::optional<AuditPoint> point, ReadNext(AuditChainTable(), query));
    return point.value_or(AuditPoint());
  }
  absl::StatusOr<AuditPoint> Last(AuditPoint before) override {
    sqlite::Statement query = database_.Prepare("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return before;
    before.id = static_cast<std::uint64_t>(query.Int(0));
    before.hash = query.Text(1);
    return before;
  }
  absl::StatusOr<std::optional<std::string>> HashOf(std::uint64_t id) override {
    sqlite::Statement query = database_.Prepare("SELECT hash FROM audit WHERE id = ?");
    ASSIGN_OR_RETURN(const bool row, query.With(id).Step());
    return row ? std::optional(query.Text(0)) : std::nullopt;
  }
  absl::Status Insert(const AuditRecord& record) override {
    return WriteRow(AuditTable(), record, database_.Prepare(AuditTable().InsertSql(kInSqlite)));
  }
  absl::Status CutAt(const AuditPoint& cut) override {
    RETURN_IF_ERROR(database_.Prepare("DELETE FROM audit WHERE id <= ?").With(cut.id).Run());
    return database_.Prepare("UPDATE audit_chain SET before_id = ?, before_hash = ?")
        .Bind(1, cut.id)
        .BindBlob(2, cut.hash)
        .Run();
  }

 private:
  const sqlite::Connection& database_;
};

class SqliteAuditLog final : public ChainedAuditLog {
 public:
  explicit SqliteAuditLog(std::shared_ptr<CatalogFile> file) : file_(std::move(file)) {}

  /// Returns false, because no other server adds to the chain in a catalog file.
  absl::StatusOr<bool> Holds(const AuditPoint&) override { return false; }

  absl::StatusOr<std::vector<AuditRecord>> After(std::uint64_t after_id, std::uint32_t limit) override {
    std::vector<AuditRecord> records;
    RETURN_IF_ERROR(file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      sqlite::Statement query =
          database.Prepare(AuditTable().SelectSql(kInSqlite, "WHERE id > ? ORDER BY id LIMIT ?"));
      query.With(std::min<std::uint64_t>(after_id, INT64_MAX), limit);
      ASSIGN_OR_RETURN(records, ReadRows(AuditTable(), query));
      return absl::OkStatus();
    }));
    return records;
  }

 protected:
  absl::Status Write(const Work& work) override { return file_->Write(Outlives::kPower, InRows(work)); }
  absl::Status Look(const Work& work) override { return file_->Run(Outlives::kProcess, InRows(work)); }

 private:
  static CatalogFile::Work InRows(const Work& work) {
    return [&work](const sqlite::Connection& database) {
      SqliteAuditRows rows(database);
      return work(rows);
    };
  }

  const std::shared_ptr<CatalogFile> file_;
};

}  // namespace

std::unique_ptr<AuditLog> MakeAuditLog(std::shared_ptr<CatalogFile> file) {
  return std::make_unique<SqliteAuditLog>(std::move(file));
}

}  // namespace mirror
