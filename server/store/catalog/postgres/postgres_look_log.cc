#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/own_records/postgres_record.h"
#include "server/store/catalog/catalog_records.h"
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
    std::int64_t id = 0;
    const auto add = [&](postgres::Connection& connection) -> absl::Status {
      const Fields fields = LookTable().Write(look);
      const auto added =
          connection.Number(LookTable().InsertSql(kInControl, {{"id", "DEFAULT"}}) + " RETURNING id",
                            ValuesOf(fields), "adding a look");
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
      ASSIGN_OR_RETURN(
          const auto rows,
          connection.Query(
              absl::StrCat("SELECT * FROM (", LookTable().SelectSql(kInControl, "ORDER BY id DESC LIMIT $1"),
                           ") AS last ORDER BY id"),
              {wanted <= 0 || wanted > looks_max_ ? looks_max_ : wanted}, "reading looks"));
      ASSIGN_OR_RETURN(looks, ReadRows(LookTable(), rows));
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
