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

// Indexes that the mirror made itself; their names begin with kOwnIndexPrefix. Also what the source announced
// about its own objects: rows of kObjects.

namespace mirror {

/// Returns the columns of an index as SQL, without the parentheses. For a collation that ignores case it is
/// an expression: lower("name").
std::string PostgresIndexTerms(const TableSchema& kept, const std::vector<IndexColumn>& columns);

absl::StatusOr<std::vector<OwnIndex>> FindOwnIndexes(postgres::Connection& connection,
                                                     const PostgresOwnTables& names);
/// Returns the same indexes with their columns, ordered by the index's name. Lacks those parts of a collation
/// that PostgresIndexTerms() left out of the index.
absl::StatusOr<std::vector<IndexChange>> FindMadeIndexes(postgres::Connection& connection,
                                                         const PostgresOwnTables& names);
/// Makes or drops an index. `schema`: the agreed definition of the table; null: there is none, and no index
/// is made. If a value is too long for the index, notes that and makes no index, see NoteTooLong().
absl::Status ChangeIndex(TableWork& work, const IndexChange& change, const TableSchema* schema);
absl::Status DropOwnIndexes(TableWork& work, const std::string& relation);

/// Skips rows that cannot be read. `rows`: of kObjects.
std::vector<KeptObjects> ReadObjects(const std::vector<StateRow>& rows);
/// Returns the row that WriteObjects() queues. For a caller that caches the rows.
StateRow ObjectsRow(const KeptObjects& kept);
void WriteObjects(TableWork& work, const ObjectsChange& change);

// An index entry has at most 2,704 bytes, but sources have no such limit. The mirror never refuses a row of
// the source because of its own index: it drops the index. A new attempt to make the index shows whether all
// values fit by then. If not, the index is noted in kTooLong, and the next attempt comes after the table's
// next population.

/// Returns whether an index of the mirror's own may have refused the row: PostgreSQL names such an index, or
/// names none.
bool MayBeOwnIndex(const postgres::Failure& failure);
/// Drops the mirror's own indexes on columns of variable length. Returns how many it dropped. Errors: those
/// of LockTable().
absl::StatusOr<std::size_t> DropIndexesOfAnyLength(TableWork& work, const std::string& table);

/// Notes that a value of the table is too long for the index.
absl::Status NoteTooLong(TableWork& work, const OwnIndex& index);
/// Removes the notes of all indexes of the table, or of one.
void ForgetTooLong(TableWork& work, const std::string& table,
                   const std::optional<std::string>& index = std::nullopt);
/// Skips rows that cannot be read. `rows`: of kTooLong.
std::vector<OwnIndex> ReadTooLong(const std::vector<StateRow>& rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_INDEXES_H_
