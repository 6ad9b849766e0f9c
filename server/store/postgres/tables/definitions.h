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

// Definitions of mirrored tables: see TableVerbs and plan.h. `agreed`: what the mirror keeps of the table; a
// function that changes it also queues it. Its schema is the agreed one, not its kept form.

namespace mirror {

/// Returns the statements that make a table, or its shadow, of this definition in its kept form. `key_id`:
/// from TakeId(); no other table of the schema has it.
std::string CreateTableSql(const TableWork& work, const std::string& relation, const TableSchema& kept,
                           std::int64_t key_id);

/// Makes the table. Returns its data for RunAgreeSchema(); queues nothing. With `lost_definition`, an own
/// table that stands there as announced counts as made; it keeps its rows until it is populated.
absl::StatusOr<PostgresAgreed> RunCreateTable(TableWork& work, const CreateTable& create);

/// `agreed`: empty if nothing is agreed. A table to be populated is prepared: columns for the merge are
/// added, and columns that a rule empties are noted in kEmptied. Errors: kFailedPrecondition: only another
/// table in its place could hold rows of this definition, and objects depend on the present one.
absl::Status RunAgreeSchema(TableWork& work, const AgreeSchema& agree, PostgresAgreed* agreed);

/// Deletes what the mirror keeps of the table, except its metadata row. Its `shadow`, if not empty and not
/// the table itself, becomes garbage. Queues RemoveState() of all kinds with the table's key, and
/// RemoveAgreed().
void ForgetTable(TableWork& work, const std::string& table, const std::string& shadow);

/// Returns the columns of `before`, without its key's, whose values a new rule excludes from `announced`.
std::vector<std::string> FindKeptOut(const TableSchema& before, const TableSchema& announced);
/// Queues a row of kEmptied for them; RunAgreeSchema() does so on success. The rule also holds if the
/// agreement was refused: see WorkView::EmptyAnyway().
absl::Status NoteEmptied(TableWork& work, const std::string& table, const std::vector<std::string>& columns);

/// Returns the folded names of the columns in a row of kEmptied.
std::set<std::string> EmptiedBy(const StateRow& note);

// In a transaction of its own, after the agreement's:

/// Sets the columns to NULL in the table that is agreed under the note's key, except in the partner's rows,
/// and removes the note. `note`: of kEmptied, read under the tenant's lock, because a swap removes it.
/// Returns the columns' names.
absl::StatusOr<std::vector<std::string>> EmptyColumns(TableWork& work, const StateRow& note);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_DEFINITIONS_H_
