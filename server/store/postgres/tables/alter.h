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

/// Changes the kinds of `agreed` and queues them. `lost`: the table's row of kLostColumns, if there is one;
/// it is changed and queued, too. Errors: kFailedPrecondition, naming the object that prevents the change.
absl::Status RunAlterTable(TableWork& work, const Position& position, const AlterTable& alter,
                           PostgresAgreed* agreed, std::optional<StateRow>* lost);
/// A row of kLostColumns: the columns that RunAlterTable dropped at this position, by folded names.
struct PostgresLost {
  Position position;
  std::vector<std::string> columns;
};
PostgresLost LostOf(const StateRow& row);
StateRow LostRow(const std::string& table, const PostgresLost& lost);
/// Returns the columns that RunAlterTable dropped at this position.
std::vector<std::string> LostColumns(const std::optional<StateRow>& lost, const Position& position);

/// Adds the columns that rows of this definition need and the table lacks, including the mirror's own; old
/// rows get NULL. WhyNotMerged() must be empty for the table. Errors: as LockTable(), RunOnTable().
absl::Status AddMissingColumns(TableWork& work, const std::string& relation, const TableSchema& kept,
                               const PresentTable& present);

/// See RefitTable in plan.h; for a table whose deletes are IGNOREd.
absl::Status RunRefitTable(TableWork& work, const Position& position, const RefitTable& refit,
                           PostgresAgreed* agreed, std::optional<StateRow>* lost);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_ALTER_H_
