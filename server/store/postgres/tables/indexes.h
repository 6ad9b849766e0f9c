#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_INDEXES_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_INDEXES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/postgres/records/state_rows.h"
#include "server/store/postgres/tables/table_work.h"

// Indexes that the mirror made itself: a row of kOwnIndex each, whose `table_key` is its name; and what the
// source told of its own: rows of kObjects.

namespace mirror {

/// Columns of an index as PostgreSQL's SQL, between its parentheses.
std::string PostgresIndexTerms(const std::vector<IndexColumn>& columns);

/// Of `rows` (all of kOwnIndex) those that are there.
absl::StatusOr<std::vector<OwnIndex>> FindOwnIndexes(postgres::Connection& connection,
                                                     const PostgresOwnTables& names,
                                                     const std::vector<StateRow>& rows);
/// `relation`: that of the change's table.
absl::Status ChangeIndex(TableWork& work, const IndexChange& change, const std::string& relation);
/// Makes those of `table` on `relation`, which takes its place: those that it has are dropped first.
absl::Status MoveOwnIndexes(TableWork& work, const std::vector<StateRow>& rows, const std::string& table,
                            const std::string& relation);

/// What cannot be read counts as not told. Of kObjects.
std::vector<KeptObjects> ReadObjects(const std::vector<StateRow>& rows);
void WriteObjects(TableWork& work, const ObjectsChange& change);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_INDEXES_H_
