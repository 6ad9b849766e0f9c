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

// Tables that are set aside: rows of kDropped, whose `number` says since when.

namespace mirror {

/// Renames the relation aside, without the mirror's own indexes on it, and forgets the table: see
/// ForgetTable(). `table` is spelled as its relation, which may be gone. Gives the row of kDropped that is
/// queued; none: nothing was there.
absl::StatusOr<std::optional<StateRow>> RunRetireTable(TableWork& work, const std::string& table,
                                                       const std::string& shadow, std::int64_t now_ms);
/// The same, and what was there is dropped, later.
absl::Status RunDropTable(TableWork& work, const std::string& table, const std::string& shadow);

/// Those set aside before, of `dropped` (all of kDropped). Ones with rows that are not live lose those that
/// are and stay for good. The others are garbage.
absl::Status DropRetired(TableWork& work, const std::vector<StateRow>& dropped, std::int64_t before_ms);
/// See StoreRecords::SetAside.
absl::StatusOr<std::vector<std::string>> SetAside(postgres::Connection& connection,
                                                  const PostgresOwnTables& names,
                                                  const std::vector<StateRow>& dropped,
                                                  const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_RETIRED_H_
