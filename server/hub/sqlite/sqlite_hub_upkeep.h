#ifndef MIRROR_SERVER_HUB_SQLITE_SQLITE_HUB_UPKEEP_H_
#define MIRROR_SERVER_HUB_SQLITE_SQLITE_HUB_UPKEEP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/db/sqlite/statement.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// The upkeep of a SqliteHubBook, in its transaction.
class SqliteHubUpkeep final : public HubUpkeep {
 public:
  /// They outlive it.
  SqliteHubUpkeep(const HubRules& rules, sqlite::StatementCache& statements)
      : rules_(rules), statements_(statements) {}

  absl::StatusOr<std::vector<RowRef>> DoomedRows() override;
  absl::StatusOr<std::vector<Glance>> RowsBehind(std::int64_t row_id) override;
  absl::StatusOr<std::vector<std::string>> EmptySince(std::int64_t at, std::size_t limit) override;
  absl::StatusOr<std::vector<std::string>> RecordsOfOthers() override;
  absl::Status ForgetRecord(const GoldenRecord& record) override;
  absl::Status ForgetIssued(std::int64_t before, std::int64_t now, std::size_t limit) override;
  absl::StatusOr<std::size_t> Thaw(const std::string& golden_id) override;

 private:
  sqlite::Statement Prepare(const std::string& sql) { return statements_.Prepare(sql, "the hub's file"); }

  const HubRules& rules_;
  sqlite::StatementCache& statements_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_SQLITE_SQLITE_HUB_UPKEEP_H_
