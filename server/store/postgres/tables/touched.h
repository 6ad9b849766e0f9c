#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_TOUCHED_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_TOUCHED_H_

#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/records/metadata_rows.h"

namespace mirror {

/// Those of `tables`, which are there and stand as agreed, that somebody changed by hand: see
/// StoreRecords::ReadTouchedTables. One statement; the answer is the same as long as PrintOfDefinitions() is.
absl::StatusOr<std::vector<TouchedTable>> FindTouched(postgres::Connection& connection,
                                                      const PostgresOwnTables& names,
                                                      const std::vector<PostgresAgreed>& tables);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_TOUCHED_H_
