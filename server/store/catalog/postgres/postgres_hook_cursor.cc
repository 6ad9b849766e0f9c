#include <utility>

#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/catalog/catalog_records.h"
#include "server/store/catalog/postgres/postgres_catalog.h"

namespace mirror {
namespace {

class PostgresHookCursor final : public HookCursor {
 public:
  explicit PostgresHookCursor(std::shared_ptr<PostgresControl> control) : control_(std::move(control)) {}

  absl::StatusOr<std::uint64_t> Read(const std::string& hook) override {
    std::int64_t id = 0;
    RETURN_IF_ERROR(control_->Run([&](postgres::Connection& connection) -> absl::Status {
      RETURN_IF_ERROR(connection
                          .Run("INSERT INTO mirror_control.hook_cursor VALUES ($1, (SELECT id FROM "
                               "mirror_control.event_head)) ON CONFLICT (hook) DO NOTHING",
                               {hook}, kDoing)
                          .status());
      const auto read = connection.Number("SELECT event_id FROM mirror_control.hook_cursor WHERE hook = $1",
                                          {hook}, kDoing);
      if (read.ok()) id = *read;
      return read.status();
    }));
    return static_cast<std::uint64_t>(id);
  }

  absl::Status Write(const std::string& hook, std::uint64_t event_id) override {
    const auto note = [&](postgres::Connection& connection) {
      return WriteRow(HookCursorTable(), {hook, event_id}, HookCursorTable().UpsertSql(kInControl),
                      connection, kDoing);
    };
    // Where a standby lacks it, a hook is told once more.
    return control_->Write(note, Awaits::kNobody);
  }

 private:
  static constexpr char kDoing[] = "noting how far a hook was told";
  const std::shared_ptr<PostgresControl> control_;
};

}  // namespace

std::unique_ptr<HookCursor> MakeHookCursor(std::shared_ptr<PostgresControl> control) {
  return std::make_unique<PostgresHookCursor>(std::move(control));
}

}  // namespace mirror
