#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_INDEXES_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_INDEXES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/failure.h"
#include "server/plan/plan.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/tables/table_work.h"

// Indexes that the mirror made itself (their names begin with kOwnIndexPrefix); and what the source reported
// of its own objects: rows of kObjects.

namespace mirror {

/// Returns an index's columns as PostgreSQL's SQL, between its parentheses. For a collation that ignores case
/// it indexes an expression: lower("name").
std::string PostgresIndexTerms(const TableSchema& kept, const std::vector<IndexColumn>& columns);

absl::StatusOr<std::vector<OwnIndex>> FindOwnIndexes(postgres::Connection& connection,
                                                     const PostgresOwnTables& names);
/// Returns the same indexes, each with its columns, sorted by the index's name. The part of a collation that
/// PostgresIndexTerms() left out of the index is not returned.
absl::StatusOr<std::vector<IndexChange>> FindMadeIndexes(postgres::Connection& connection,
                                                         const PostgresOwnTables& names);
/// `schema`: the agreed one of the change's table; null: there is none, and no index is made. If a value is
/// too long for the index, that is noted and no index is made: see NoteTooLong().
absl::Status ChangeIndex(TableWork& work, const IndexChange& change, const TableSchema* schema);
absl::Status DropOwnIndexes(TableWork& work, const std::string& relation);

/// Rows that cannot be read are skipped. `rows`: of kObjects.
std::vector<KeptObjects> ReadObjects(const std::vector<StateRow>& rows);
/// Returns the row that WriteObjects() queues, for a caller that caches the rows.
StateRow ObjectsRow(const KeptObjects& kept);
void WriteObjects(TableWork& work, const ObjectsChange& change);

// An index entry takes at most 2,704 bytes; sources have no such limit. The mirror never refuses a source row
// because of its own index: it drops the index. Making it again shows whether the values fit by then. If not,
// the index is noted in kTooLong and not tried again before the table's next population.

/// Tells whether an index of the mirror's own may have refused the row: PostgreSQL names it, or none.
bool MayBeOwnIndex(const postgres::Failure& failure);
/// Drops the mirror's own indexes over columns of any length. Returns how many. Errors: as LockTable().
absl::StatusOr<std::size_t> DropIndexesOfAnyLength(TableWork& work, const std::string& table);

/// Notes that a value of its table is too long for the index.
absl::Status NoteTooLong(TableWork& work, const OwnIndex& index);
/// Removes the notes of all indexes of the table, or of one.
void ForgetTooLong(TableWork& work, const std::string& table,
                   const std::optional<std::string>& index = std::nullopt);
/// `rows`: of kTooLong. Rows that cannot be read are skipped.
std::vector<OwnIndex> ReadTooLong(const std::vector<StateRow>& rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_INDEXES_H_
