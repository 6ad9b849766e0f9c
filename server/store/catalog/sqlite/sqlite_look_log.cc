#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/catalog/catalog_records.h"
#include "server/store/catalog/sqlite/sqlite_catalog.h"

namespace mirror {
namespace {

/// Pruned in steps, or each look would delete one.
constexpr std::int64_t kPruneEvery = 128;

/// A catalog that was moved away under the server has none.
absl::Status MakeLooks(const sqlite::Connection& database) {
  return database.Execute(LookTable().CreateMissingSql(kInSqlite));
}

class SqliteLookLog final : public LookLog {
 public:
  SqliteLookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max)
      : file_(std::move(file)), looks_max_(looks_max) {}

  absl::Status Add(const AuditRecord& look) override {
    return file_->Write(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      Fields fields = LookTable().Write(look);
      fields.Set("id", Field());
      RETURN_IF_ERROR(MakeLooks(database));
      sqlite::Statement insert = database.Prepare(LookTable().InsertSql(kInSqlite));
      RETURN_IF_ERROR(BindFields(insert, fields).Run());
      const std::int64_t id = database.LastRowid();
      if (id % kPruneEvery != 0) return absl::OkStatus();
      return database.Prepare("DELETE FROM looks WHERE id <= ?")
          .With(id - static_cast<std::int64_t>(looks_max_))
          .Run();
    });
  }

  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) override {
    std::vector<AuditRecord> looks;
    RETURN_IF_ERROR(file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      RETURN_IF_ERROR(MakeLooks(database));
      sqlite::Statement query = database.Prepare(absl::StrCat(
          "SELECT * FROM (", LookTable().SelectSql(kInSqlite, "ORDER BY id DESC LIMIT ?"), ") ORDER BY id"));
      query.With(limit == 0 || limit > looks_max_ ? looks_max_ : limit);
      ASSIGN_OR_RETURN(looks, ReadRows(LookTable(), query));
      return absl::OkStatus();
    }));
    return looks;
  }

 private:
  const std::shared_ptr<CatalogFile> file_;
  const std::uint64_t looks_max_;
};

}  // namespace

std::unique_ptr<LookLog> MakeLookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max) {
  return std::make_unique<SqliteLookLog>(std::move(file), looks_max);
}

}  // namespace mirror
