#include <SQLiteCpp/SQLiteCpp.h>

#include <utility>

#include "server/store/catalog/sqlite/sqlite_catalog.h"

namespace mirror {
namespace {

/// Pruned in steps, or each look would delete one.
constexpr std::int64_t kPruneEvery = 128;

/// A catalog that was moved away under the server has none.
void MakeTable(SQLite::Database& database) {
  database.exec(
      "CREATE TABLE IF NOT EXISTS looks "
      "(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER, who TEXT, call TEXT, outcome TEXT)");
}

class SqliteLookLog final : public LookLog {
 public:
  SqliteLookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max)
      : file_(std::move(file)), looks_max_(looks_max) {}

  absl::Status Add(const AuditRecord& look) override {
    return file_->Run(Outlives::kProcess, [&](SQLite::Database& database) -> absl::Status {
      SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
      MakeTable(database);
      SQLite::Statement insert(database,
                               "INSERT INTO looks (time_ms, who, call, outcome) VALUES (?, ?, ?, ?)");
      insert.bind(1, look.time_ms);
      insert.bind(2, look.who);
      insert.bind(3, look.call);
      insert.bind(4, look.outcome);
      insert.exec();
      const std::int64_t id = database.getLastInsertRowid();
      if (id % kPruneEvery == 0) {
        SQLite::Statement remove(database, "DELETE FROM looks WHERE id <= ?");
        remove.bind(1, id - static_cast<std::int64_t>(looks_max_));
        remove.exec();
      }
      transaction.commit();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) override {
    std::vector<AuditRecord> looks;
    absl::Status status = file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
      looks.clear();
      MakeTable(database);
      SQLite::Statement query(database,
                              "SELECT * FROM (SELECT id, time_ms, who, call, outcome FROM looks ORDER BY id "
                              "DESC LIMIT ?) ORDER BY id");
      query.bind(1, limit == 0 || limit > looks_max_ ? static_cast<std::int64_t>(looks_max_)
                                                     : static_cast<std::int64_t>(limit));
      while (query.executeStep()) {
        AuditRecord& look = looks.emplace_back();
        look.id = static_cast<std::uint64_t>(query.getColumn(0).getInt64());
        look.time_ms = query.getColumn(1).getInt64();
        look.who = query.getColumn(2).getString();
        look.call = query.getColumn(3).getString();
        look.outcome = query.getColumn(4).getString();
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
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
