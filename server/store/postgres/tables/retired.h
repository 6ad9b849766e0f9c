#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_RETIRED_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_RETIRED_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/tables/table_work.h"

// Tables that are set aside: rows of kDropped. Their `number` is the time when that happened.

namespace mirror {

/// Renames the relation aside, drops the mirror's own indexes on it, and forgets the table, see
/// ForgetTable(). `table`: as the relation is spelled. The relation may be missing. Returns the queued row of
/// kDropped. Absent: there was no such table.
absl::StatusOr<std::optional<StateRow>> RunRetireTable(TableWork& work, const std::string& table,
                                                       const std::string& shadow, std::int64_t now_ms);
/// Forgets the table in the same way, but makes the relation garbage, which is dropped later. Drops another
/// kind of object of ours, such as a view, at once.
absl::Status RunDropTable(TableWork& work, const std::string& table, const std::string& shadow);

/// Handles the tables in `dropped` (all rows of kDropped) that were set aside before `before_ms`. A table
/// with rows that are not live loses its live rows and stays forever. The others become garbage.
absl::Status DropRetired(TableWork& work, const std::vector<StateRow>& dropped, std::int64_t before_ms);
/// See StoreRecords::SetAside.
absl::StatusOr<std::vector<std::string>> SetAside(postgres::Connection& connection,
                                                  const PostgresOwnTables& names,
                                                  const std::vector<StateRow>& dropped,
                                                  const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_RETIRED_H_
