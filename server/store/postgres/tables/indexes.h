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

// Indexes that the mirror made itself, which are those whose names begin with kOwnIndexPrefix; and what the
// source told of its own: rows of kObjects.

namespace mirror {

/// Columns of an index as PostgreSQL's SQL, between its parentheses. What another collation compares there is
/// indexed: lower("name").
std::string PostgresIndexTerms(const TableSchema& kept, const std::vector<IndexColumn>& columns);

absl::StatusOr<std::vector<OwnIndex>> FindOwnIndexes(postgres::Connection& connection,
                                                     const PostgresOwnTables& names);
/// The same with what each of them is over, by name. What PostgresIndexTerms() left out of a collation is not
/// known any more.
absl::StatusOr<std::vector<IndexChange>> FindMadeIndexes(postgres::Connection& connection,
                                                         const PostgresOwnTables& names);
/// `schema`: the agreed one of the change's table; null where it has none, and then nothing is made. One that
/// a value is too long for is noted, and not made either: see NoteTooLong().
absl::Status ChangeIndex(TableWork& work, const IndexChange& change, const TableSchema* schema);
absl::Status DropOwnIndexes(TableWork& work, const std::string& relation);

/// What cannot be read counts as not told. `rows`: of kObjects.
std::vector<KeptObjects> ReadObjects(const std::vector<StateRow>& rows);
/// What WriteObjects() queues, for who holds the rows.
StateRow ObjectsRow(const KeptObjects& kept);
void WriteObjects(TableWork& work, const ObjectsChange& change);

// An index takes 2,704 bytes of a row, and sources have no such limit. No row of theirs is refused for an
// index that the mirror made itself: it goes. Who makes it again finds whether the values fit by then, and
// where they do not it is noted in kTooLong, and not tried again before the table is populated anew.

/// What refuses the row may be an index of the mirror's own: PostgreSQL names it, or none.
bool MayBeOwnIndex(const postgres::Failure& failure);
/// Drops those of the mirror's own that have a column of any length. Gives how many. Errors: as LockTable().
absl::StatusOr<std::size_t> DropIndexesOfAnyLength(TableWork& work, const std::string& table);

/// A value of its table is too long for the index.
absl::Status NoteTooLong(TableWork& work, const OwnIndex& index);
/// Of all indexes of the table, or of one.
void ForgetTooLong(TableWork& work, const std::string& table,
                   const std::optional<std::string>& index = std::nullopt);
/// `rows`: of kTooLong. What cannot be read is not told.
std::vector<OwnIndex> ReadTooLong(const std::vector<StateRow>& rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_INDEXES_H_
