#include <utility>

#include "base/status_macros.h"
#include "server/own_records/sqlite_record.h"
#include "server/store/catalog/catalog_records.h"
#include "server/store/catalog/sqlite/sqlite_catalog.h"

namespace mirror {
namespace {

absl::Status MakeCursors(const sqlite::Connection& database) {
  return database.Execute(HookCursorTable().CreateMissingSql(kInSqlite));
}

class SqliteHookCursor final : public HookCursor {
 public:
  explicit SqliteHookCursor(std::shared_ptr<CatalogFile> file) : file_(std::move(file)) {}

  absl::StatusOr<std::uint64_t> Read(const std::string& hook) override {
    std::int64_t id = 0;
    RETURN_IF_ERROR(file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) -> absl::Status {
      RETURN_IF_ERROR(MakeCursors(database));
      RETURN_IF_ERROR(
          database
              .Prepare("INSERT INTO hook_cursor VALUES (?1, (SELECT coalesce(max(id), 0) FROM event)) "
                       "ON CONFLICT (hook) DO NOTHING")
              .With(hook)
              .Run());
      sqlite::Statement query = database.Prepare("SELECT event_id FROM hook_cursor WHERE hook = ?1");
      const absl::StatusOr<bool> row = query.With(hook).Step();
      if (row.ok() && *row) id = query.Int(0);
      return row.status();
    }));
    return static_cast<std::uint64_t>(id);
  }

  absl::Status Write(const std::string& hook, std::uint64_t event_id) override {
    return file_->Run(Outlives::kProcess, [&](const sqlite::Connection& database) {
      RETURN_IF_ERROR(MakeCursors(database));
      return WriteRow(HookCursorTable(), {hook, event_id},
                      database.Prepare(HookCursorTable().UpsertSql(kInSqlite)));
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
