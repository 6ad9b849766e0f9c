#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/db/postgres/pipeline.h"
#include "base/db/postgres/transaction.h"
#include "server/store/catalog/postgres/postgres_catalog.h"

namespace mirror {
namespace {

/// Pruned in steps, or each look would delete one.
constexpr std::int64_t kPruneLooksEvery = 128;

/// Waits for no standby: whoever looks would wait with it, and a look is no promise.
absl::StatusOr<postgres::Rows> RunLocally(postgres::Connection& connection, const std::string& sql,
                                          postgres::Values values, std::string_view doing) {
  postgres::Transaction transaction(connection);
  postgres::Pipeline pipeline(connection);
  transaction.Begin(pipeline);
  pipeline.Queue("SELECT set_config('synchronous_commit', 'local', true)", {}, doing);
  const int asked = pipeline.Queue(sql, values, doing);
  auto rows = transaction.Commit(pipeline, doing);
  if (!rows.ok()) return rows.status();
  return std::move((*rows)[static_cast<std::size_t>(asked)]);
}

class PostgresLookLog final : public LookLog {
 public:
  PostgresLookLog(std::shared_ptr<PostgresControl> control, std::uint64_t looks_max)
      : control_(std::move(control)), looks_max_(static_cast<std::int64_t>(looks_max)) {}

  absl::Status Add(const AuditRecord& look) override {
    using postgres::Value;
    return control_->Run([&](postgres::Connection& connection) -> absl::Status {
      constexpr char kDoing[] = "adding a look";
      const auto added = RunLocally(
          connection,
          "INSERT INTO mirror_control.looks (time_ms, who, call, outcome) VALUES ($1, $2, $3, $4) RETURNING "
          "id",
          {look.time_ms, Value::Bytes(look.who), Value::Bytes(look.call), Value::Bytes(look.outcome)},
          kDoing);
      if (!added.ok()) return added.status();
      const std::int64_t id = added->Int(0, 0);
      if (id % kPruneLooksEvery != 0) return absl::OkStatus();
      // The look is kept; what this leaves, the next one takes.
      RunLocally(connection, "DELETE FROM mirror_control.looks WHERE id <= $1", {id - looks_max_},
                 "removing old looks")
          .status()
          .IgnoreError();
      return absl::OkStatus();
    });
  }

  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) override {
    const auto wanted = static_cast<std::int64_t>(limit);
    std::vector<AuditRecord> looks;
    absl::Status status = control_->Run([&](postgres::Connection& connection) -> absl::Status {
      looks.clear();
      const auto rows = connection.Query(
          "SELECT * FROM (SELECT id, time_ms, who, call, outcome FROM mirror_control.looks ORDER BY id DESC "
          "LIMIT $1) AS last ORDER BY id",
          {wanted <= 0 || wanted > looks_max_ ? looks_max_ : wanted}, "reading looks");
      if (!rows.ok()) return rows.status();
      for (int row = 0; row < rows->rows(); ++row) {
        looks.push_back({.id = static_cast<std::uint64_t>(rows->Int(row, 0)),
                         .time_ms = rows->Int(row, 1),
                         .who = rows->Text(row, 2),
                         .call = rows->Text(row, 3),
                         .outcome = rows->Text(row, 4)});
      }
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    return looks;
  }

 private:
  const std::shared_ptr<PostgresControl> control_;
  const std::int64_t looks_max_;
};

}  // namespace

std::unique_ptr<LookLog> MakeLookLog(std::shared_ptr<PostgresControl> control, std::uint64_t looks_max) {
  return std::make_unique<PostgresLookLog>(std::move(control), looks_max);
}

}  // namespace mirror
