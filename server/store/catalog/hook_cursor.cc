#include "server/store/catalog/hook_cursor.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <utility>

#include "server/store/catalog/catalog_file.h"

namespace mirror {
namespace {

constexpr char kMakeTable[] =
    "CREATE TABLE IF NOT EXISTS hook_cursor (hook TEXT PRIMARY KEY, event_id INTEGER NOT NULL)";

}  // namespace

HookCursor::HookCursor(std::shared_ptr<CatalogFile> file) : file_(std::move(file)) {}

absl::StatusOr<std::uint64_t> HookCursor::Read(const std::string& hook) {
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

absl::Status HookCursor::Write(const std::string& hook, std::uint64_t event_id) {
  return file_->Run(Outlives::kProcess, [&](SQLite::Database& database) {
    database.exec(kMakeTable);
    SQLite::Statement write(database, "INSERT OR REPLACE INTO hook_cursor VALUES (?1, ?2)");
    write.bind(1, hook);
    write.bind(2, static_cast<std::int64_t>(event_id));
    write.exec();
    return absl::OkStatus();
  });
}

}  // namespace mirror
