#include <utility>

#include "base/status_macros.h"
#include "server/store/catalog/sqlite/sqlite_catalog.h"

namespace mirror {
namespace {

/// Pruned in steps, or each look would delete one.
constexpr std::int64_t kPruneEvery = 128;

/// A catalog that was moved away under the server has none.
absl::Status MakeTable(const sqlite::Connection& database) {
  return database.Execute(
      "CREATE TABLE IF NOT EXISTS looks "
      "(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER, who TEXT, call TEXT, outcome TEXT)");
}

class SqliteLookLog final : public LookLog {
 public:
  SqliteLookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max)
      : file_(std::move(file)), looks_max_(looks_max) {}

  absl::Status Add(const AuditRecord& look) override {
    return file_->Write(Outlives::kProcess, [&](const sqlite::Connection& database) {
      absl::Status status = MakeTable(database);
      if (status.ok()) {
        status = database.Prepare("INSERT INTO looks (time_ms, who, call, outcome) VALUES (?, ?, ?, ?)")
                     .With(look.time_ms, look.who, look.call, look.outcome)
                     .Run();
      }
      const std::int64_t id = database.LastRowid();
      if (!status.ok() || id % kPruneEvery != 0) return status;
      return database.Prepare("DELETE FROM looks WHERE id <= ?")
          .With(id - static_cast<std::int64_t>(looks_max_))
          .Run();
    });
  }

  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) override {
    std::vector<AuditRecord> looks;
    RETURN_IF_ERROR(file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      looks.clear();
      RETURN_IF_ERROR(MakeTable(database));
      sqlite::Statement query = database.Prepare(
          "SELECT * FROM (SELECT id, time_ms, who, call, outcome FROM looks ORDER BY id "
          "DESC LIMIT ?) ORDER BY id");
      query.With(limit == 0 || limit > looks_max_ ? looks_max_ : limit);
      absl::StatusOr<bool> row = query.Step();
      for (; row.ok() && *row; row = query.Step()) {
        AuditRecord& look = looks.emplace_back();
        look.id = static_cast<std::uint64_t>(query.Int(0));
        look.time_ms = query.Int(1);
        look.who = query.Text(2);
        look.call = query.Text(3);
        look.outcome = query.Text(4);
      }
      return row.status();
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
