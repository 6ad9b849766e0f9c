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

// Changes of mirrored tables in place.

namespace mirror {

/// Of `agreed` the kinds change, and are queued. `lost`: the row of kLostColumns of the table, if there is
/// one; it is changed and queued, too. Errors: kFailedPrecondition, naming the object that prevents it.
absl::Status RunAlterTable(TableWork& work, const Position& position, const AlterTable& alter,
                           PostgresAgreed* agreed, std::optional<StateRow>* lost);
/// A row of kLostColumns: what RunAlterTable dropped when the table stood at this position, by folded names.
struct PostgresLost {
  Position position;
  std::vector<std::string> columns;
};
PostgresLost LostOf(const StateRow& row);
StateRow LostRow(const std::string& table, const PostgresLost& lost);
/// Those that RunAlterTable dropped at this position.
std::vector<std::string> LostColumns(const std::optional<StateRow>& lost, const Position& position);

/// Adds the columns that a table has not and rows of this definition need, the mirror's own too; in old rows
/// they are NULL. Of a table whose WhyNotMerged() is empty. Errors: as LockTable(), RunOnTable().
absl::Status AddMissingColumns(TableWork& work, const std::string& relation, const TableSchema& kept,
                               const PresentTable& present);

/// See RefitTable in plan.h; of a table whose deletes are IGNOREd.
absl::Status RunRefitTable(TableWork& work, const Position& position, const RefitTable& refit,
                           PostgresAgreed* agreed, std::optional<StateRow>* lost);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_TABLES_ALTER_H_
