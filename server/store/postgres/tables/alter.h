#ifndef MIRROR_SERVER_STORE_POSTGRES_TABLES_ALTER_H_
#define MIRROR_SERVER_STORE_POSTGRES_TABLES_ALTER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/lsn.h"
#include "server/plan/plan.h"
#include "server/store/postgres/rows/metadata_rows.h"
#include "server/store/postgres/rows/state_rows.h"
#include "server/store/postgres/tables/present_table.h"
#include "server/store/postgres/tables/table_work.h"

// Changes mirrored tables in place.

namespace mirror {

/// Changes the table and the kinds of `agreed`, and queues these. `lost`: the table's row of kLostColumns, if
/// there is one; it is changed and queued, too. Errors: kFailedPrecondition, with the object that prevents
/// the change.
absl::Status RunAlterTable(TableWork& work, const Position& position, const AlterTable& alter,
                           PostgresAgreed* agreed, std::optional<StateRow>* lost);
/// A row of kLostColumns: the columns that RunAlterTable dropped at this position, as folded names.
struct PostgresLost {
  Position position;
  std::vector<std::string> columns;
};
PostgresLost LostOf(const StateRow& row);
StateRow LostRow(const std::string& table, const PostgresLost& lost);
/// Returns the columns that RunAlterTable dropped at this position.
std::vector<std::string> LostColumns(const std::optional<StateRow>& lost, const Position& position);

/// Adds the columns that rows of this definition need and the table lacks, including the mirror's own. Old
/// rows get NULL in them. WhyNotMerged() must be empty for the table. Errors: those of LockTable() and
/// RunOnTable().
absl::Status AddMissingColumns(TableWork& work, const std::string& relation, const TableSchema& kept,
                               const PresentTable& present);

/// See RefitTable in plan.h. For a table that ignores deletes (Deletes::kIgnore).
absl::Status RunRefitTable(TableWork& work, const Position& position, const RefitTable& refit,
                           PostgresAgreed* agreed, std::optional<StateRow>* lost);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_ALTER_H_
