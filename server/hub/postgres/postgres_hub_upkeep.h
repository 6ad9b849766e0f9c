#ifndef MIRROR_SERVER_HUB_POSTGRES_POSTGRES_HUB_UPKEEP_H_
#define MIRROR_SERVER_HUB_POSTGRES_POSTGRES_HUB_UPKEEP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"
#include "server/hub/postgres/hub_schema.h"
#include "server/hub/postgres/hub_session.h"

namespace mirror {

/// The upkeep of a PostgresHubBook, in its transaction.
class PostgresHubUpkeep final : public HubUpkeep {
 public:
  /// They outlive it.
  PostgresHubUpkeep(const HubSchema& schema, const HubRules& rules, HubSession& session)
      : schema_(schema), rules_(rules), session_(session) {}

  absl::StatusOr<std::vector<RowRef>> DoomedRows() override;
  absl::StatusOr<std::vector<Glance>> RowsBehind(std::int64_t row_id) override;
  absl::StatusOr<std::vector<std::string>> EmptySince(std::int64_t at, std::size_t limit) override;
  absl::StatusOr<std::vector<std::string>> RecordsOfOthers() override;
  absl::Status ForgetRecord(const GoldenRecord& record) override;
  absl::Status ForgetIssued(std::int64_t before, std::int64_t now, std::size_t limit) override;
  absl::StatusOr<std::size_t> Thaw(const std::string& golden_id) override;

 private:
  absl::StatusOr<std::vector<std::string>> Texts(std::string_view sql, postgres::Values values);

  const HubSchema& schema_;
  const HubRules& rules_;
  HubSession& session_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_POSTGRES_POSTGRES_HUB_UPKEEP_H_
