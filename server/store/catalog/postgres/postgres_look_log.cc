#include <utility>

#include "base/status_macros.h"
#include "server/store/catalog/postgres/postgres_catalog.h"

namespace mirror {
namespace {

/// Pruned in steps, or each look would delete one.
constexpr std::int64_t kPruneLooksEvery = 128;

class PostgresLookLog final : public LookLog {
 public:
  PostgresLookLog(std::shared_ptr<PostgresControl> control, std::uint64_t looks_max)
      : control_(std::move(control)), looks_max_(static_cast<std::int64_t>(looks_max)) {}

  absl::Status Add(const AuditRecord& look) override {
    using postgres::Value;
    std::int64_t id = 0;
    const auto add = [&](postgres::Connection& connection) -> absl::Status {
      const auto added = connection.Number(
          "INSERT INTO mirror_control.looks (time_ms, who, call, outcome) VALUES ($1, $2, $3, $4) RETURNING "
          "id",
          {look.time_ms, Value::Bytes(look.who), Value::Bytes(look.call), Value::Bytes(look.outcome)},
          "adding a look");
      id = added.value_or(0);
      return added.status();
    };
    RETURN_IF_ERROR(control_->Write(add, Awaits::kNobody));
    if (id % kPruneLooksEvery != 0) return absl::OkStatus();
    const auto prune = [&](postgres::Connection& connection) {
      return connection
          .Run("DELETE FROM mirror_control.looks WHERE id <= $1", {id - looks_max_}, "removing old looks")
          .status();
    };
    // The look is kept; what this leaves, the next one takes.
    control_->Write(prune, Awaits::kNobody).IgnoreError();
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) override {
    const auto wanted = static_cast<std::int64_t>(limit);
    std::vector<AuditRecord> looks;
    RETURN_IF_ERROR(control_->Run([&](postgres::Connection& connection) -> absl::Status {
      looks.clear();
      ASSIGN_OR_RETURN(
          const auto rows,
          connection.Query("SELECT * FROM (SELECT id, time_ms, who, call, outcome FROM mirror_control.looks "
                           "ORDER BY id DESC "
                           "LIMIT $1) AS last ORDER BY id",
                           {wanted <= 0 || wanted > looks_max_ ? looks_max_ : wanted}, "reading looks"));
      for (int row = 0; row < rows.rows(); ++row) {
        looks.push_back({.id = static_cast<std::uint64_t>(rows.Int(row, 0)),
                         .time_ms = rows.Int(row, 1),
                         .who = rows.Text(row, 2),
                         .call = rows.Text(row, 3),
                         .outcome = rows.Text(row, 4)});
      }
      return absl::OkStatus();
    }));
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
