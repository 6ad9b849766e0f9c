#include <SQLiteCpp/SQLiteCpp.h>

#include <utility>

#include "server/store/catalog/sqlite/sqlite_catalog.h"

namespace mirror {
namespace {

constexpr char kMakeTable[] =
    "CREATE TABLE IF NOT EXISTS hook_cursor (hook TEXT PRIMARY KEY, event_id INTEGER NOT NULL)";

class SqliteHookCursor final : public HookCursor {
 public:
  explicit SqliteHookCursor(std::shared_ptr<CatalogFile> file) : file_(std::move(file)) {}

  absl::StatusOr<std::uint64_t> Read(const std::string& hook) override {
    std::int64_t id = 0;
    absl::Status status = file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
      database.exec(kMakeTable);
      SQLite::Statement begin(database,
                              "INSERT INTO hook_cursor VALUES (?1, (SELECT coalesce(max(id), 0) FROM event)) "
                              "ON CONFLICT (hook) DO NOTHING");
      begin.bind(1, hook);
      begin.exec();
      SQLite::Statement query(database, "SELECT event_id FROM hook_cursor WHERE hook = ?1");
      query.bind(1, hook);
      if (query.executeStep()) id = query.getColumn(0).getInt64();
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return static_cast<std::uint64_t>(id);
  }

  absl::Status Write(const std::string& hook, std::uint64_t event_id) override {
    return file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
      database.exec(kMakeTable);
      SQLite::Statement write(database, "INSERT OR REPLACE INTO hook_cursor VALUES (?1, ?2)");
      write.bind(1, hook);
      write.bind(2, static_cast<std::int64_t>(event_id));
      write.exec();
      return absl::OkStatus();
    });
  }

 private:
  const std::shared_ptr<CatalogFile> file_;
};

}  // namespace

std::unique_ptr<HookCursor> MakeHookCursor(std::shared_ptr<CatalogFile> file) {
  return std::make_unique<SqliteHookCursor>(std::move(file));
}

}  // namespace mirror
