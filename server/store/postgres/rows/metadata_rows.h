#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_METADATA_ROWS_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_METADATA_ROWS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/plan/plan.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/own_writes.h"

// The table that partners know, `<contextId>_mirroring`, with a row for each mirrored table. Also the agreed
// definitions of these tables.

namespace mirror {

/// The query of SelectRecords(), for a pipeline, and a function that reads its result. `some`: only tables in
/// $1, which is KeysOf(). `lock`: locks the rows in the transaction, so that a change by a DBA comes before
/// or after it.
std::string SelectRecordsSql(const PostgresOwnTables& names, bool some, bool lock);
std::vector<TableRecord> RecordsOf(const postgres::Rows& rows);
/// Returns FoldName() of each table, as an array.
postgres::Array KeysOf(const std::vector<std::string>& tables);
/// Returns the records, ordered by name. `tables`: only these tables; empty: all.
absl::StatusOr<std::vector<TableRecord>> SelectRecords(postgres::Connection& connection,
                                                       const PostgresOwnTables& names,
                                                       const std::vector<std::string>& tables = {});
void WriteRecord(OwnWrites& writes, const PostgresOwnTables& names, const TableRecord& record);
void RemoveRecord(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

/// A row of `_mirror_schema`.
struct PostgresAgreed {
  TableSchema schema;
  std::int64_t generation = 0;  ///< Grows when other rows replace the table's rows.
  std::string kinds;            ///< The store's byte of kKindsColumn for each ANY column, see kept_kinds.h.
  bool is_there = false;        ///< False: somebody dropped the table.
};
/// Returns the definitions, ordered by folded name. `tables`: as above. Errors: also kDataLoss: a row is not
/// as the mirror wrote it.
absl::StatusOr<std::vector<PostgresAgreed>> SelectAgreed(postgres::Connection& connection,
                                                         const PostgresOwnTables& names,
                                                         const std::vector<std::string>& tables = {});
/// Does the same, but leaves `is_there` false. FindTables() sets it.
absl::StatusOr<std::vector<PostgresAgreed>> SelectDefinitions(postgres::Connection& connection,
                                                              const PostgresOwnTables& names,
                                                              const std::vector<std::string>& tables = {});
absl::Status FindTables(postgres::Connection& connection, const PostgresOwnTables& names,
                        const std::vector<PostgresAgreed*>& agreed);
void WriteAgreed(OwnWrites& writes, const PostgresOwnTables& names, const PostgresAgreed& agreed);
void RemoveAgreed(OwnWrites& writes, const PostgresOwnTables& names, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_METADATA_ROWS_H_
