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

// Definitions of mirrored tables, see TableVerbs and plan.h. `agreed`: what the mirror stores about the
// table. Its schema is the agreed one, not the kept form. A function that changes `agreed` also queues it.

namespace mirror {

/// Returns the statements that make a table, or its shadow. `kept`: its definition in the kept form.
/// `key_id`: from TakeId(), so that no other table of the schema has it.
std::string CreateTableSql(const TableWork& work, const std::string& relation, const TableSchema& kept,
                           std::int64_t key_id);

/// Makes the table. Returns its data for RunAgreeSchema(); queues nothing. If `lost_definition` is set, and
/// the mirror's own table exists as announced, uses that table; its rows stay until a population. Errors:
/// also kFailedPrecondition: the name is in use.
absl::StatusOr<PostgresAgreed> RunCreateTable(TableWork& work, const CreateTable& create);

/// Agrees on a new definition. `agreed`: empty if nothing was agreed before. Prepares an existing table for
/// its next population: adds the columns that the merge needs, and notes in kEmptied the columns that a rule
/// empties. Errors: also kFailedPrecondition: the table has a DEFERRABLE constraint; or only a new table
/// could hold rows of this definition, and objects depend on the present one.
absl::Status RunAgreeSchema(TableWork& work, const AgreeSchema& agree, PostgresAgreed* agreed);

/// Queues the removal of what the mirror stores about the table in `_mirror_state` (except kJournal), among
/// its receipts, and as its definition. Its metadata row stays. Makes `shadow` garbage, if it is not empty
/// and not the table itself.
void ForgetTable(TableWork& work, const std::string& table, const std::string& shadow);

/// Returns the columns of `before`, except key columns, whose former values a new rule of `announced`
/// forbids.
std::vector<std::string> FindKeptOut(const TableSchema& before, const TableSchema& announced);
/// Queues a row of kEmptied for these columns. RunAgreeSchema() does this if it succeeds. But the rule also
/// applies if the agreement was refused, see WorkView::EmptyAnyway().
absl::Status NoteEmptied(TableWork& work, const std::string& table, const std::vector<std::string>& columns);

/// Returns the folded names of the columns in a row of kEmptied.
std::set<std::string> EmptiedBy(const StateRow& note);

// For a transaction of its own, after the transaction of the agreement:

/// Sets the columns of `note` to NULL in the table that is agreed under the note's key, and removes the note.
/// Does not change rows that the partner wrote, and no column that the table now mirrors without a rule.
/// `note`: a row of kEmptied. It must be read under the tenant's lock, because a swap removes it. Returns the
/// names of the emptied columns.
absl::StatusOr<std::vector<std::string>> EmptyColumns(TableWork& work, const StateRow& note);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_DEFINITIONS_H_
