#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_HISTORY_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_HISTORY_ROWS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/table.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"

namespace mirror {

/// A row of `_mirror_history`.
struct PostgresHistory {
  std::string versions;  ///< The relation with the versions.
  std::string view;      ///< The view of all versions.
  TableSchema schema;    ///< The mirrored table's kept form when it was read last.
  std::int64_t known_from = 0;
  bool is_view_whole = true;  ///< False: the table lacked a column when the view was made.
  /// Columns with a new rule that the rows do not follow yet.
  std::vector<std::string> hidden = {};
};

/// Returns the histories by folded table name; empty: no version was ever kept. Errors: also kDataLoss.
absl::StatusOr<std::map<std::string, PostgresHistory>> SelectHistories(postgres::Connection& connection,
                                                                       const PostgresOwnTables& names);
void WriteHistory(OwnWrites& writes, const PostgresOwnTables& names, const PostgresHistory& history);
void RemoveHistory(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_HISTORY_ROWS_H_
