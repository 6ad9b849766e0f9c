#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_DEFINITIONS_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_DEFINITIONS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/tables/table_work.h"

// Definitions of mirrored tables: see TableVerbs and plan.h. `agreed` is what the mirror has of the table;
// who changes it queues it, too. Its schema is the agreed one, not its kept form.

namespace mirror {

/// Statements that make a table, or the shadow of one, of this definition in its kept form. `key_id`:
/// TakeId(), which no other table of the schema has.
std::string CreateTableSql(const TableWork& work, const std::string& relation, const TableSchema& kept,
                           std::int64_t key_id);

/// Gives what is kept of the table until RunAgreeSchema(): nothing is queued. With `lost_definition`, the
/// mirror's own table counts as made when it stands there as announced; its rows stay until the population.
absl::StatusOr<PostgresAgreed> RunCreateTable(TableWork& work, const CreateTable& create);

/// `agreed`: empty where nothing is. Where the table has to be populated, it is prepared: columns that the
/// merge needs are added, and those that a rule empties are noted in kEmptied. Errors: kFailedPrecondition
/// where rows of this definition could only come by another table in its place, and objects depend on it.
absl::Status RunAgreeSchema(TableWork& work, const AgreeSchema& agree, PostgresAgreed* agreed);

/// Nothing is left that the mirror keeps of the table but its metadata row; a shadow of it, which is
/// `shadow` where that is not empty and not the table itself, becomes garbage. What is queued:
/// RemoveState() of all kinds that have the table's key, RemoveAgreed().
void ForgetTable(TableWork& work, const std::string& table, const std::string& shadow);

/// Columns of `before`, but for its key's, whose values another rule keeps out of `announced`.
std::vector<std::string> FindKeptOut(const TableSchema& before, const TableSchema& announced);
/// Queues a row of kEmptied for them; RunAgreeSchema() does it where it succeeds. The rule holds also where
/// the agreement was refused: see WorkView::EmptyAnyway().
absl::Status NoteEmptied(TableWork& work, const std::string& table, const std::vector<std::string>& columns);

/// Folded names of the columns that a row of kEmptied is of.
std::set<std::string> EmptiedBy(const StateRow& note);

// In a transaction of its own, behind the agreement's:

/// Empties them in the table that is agreed under the note's key, where the rows are not the partner's, and
/// removes the note with it. `note`: of kEmptied, read under the tenant's lock: a swap removes it. Gives
/// their names.
absl::StatusOr<std::vector<std::string>> EmptyColumns(TableWork& work, const StateRow& note);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_DEFINITIONS_H_
