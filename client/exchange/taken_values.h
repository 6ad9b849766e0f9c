#ifndef MIRROR_CLIENT_EXCHANGE_TAKEN_VALUES_H_
#define MIRROR_CLIENT_EXCHANGE_TAKEN_VALUES_H_

#include <cstdint>
#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/delivery_task.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// Which rows keep a row from getting its values, as these are UNIQUE.
struct TakenValues {
  std::vector<RowOf> rows;  ///< Keys of rows that hold such a value, each once.
  /// Columns of the task's own row that let go of its values when they are NULL for a moment, as indexes in
  /// the table's plan. Empty: there is no such column in each index concerned, or a foreign key refers to
  /// one.
  std::set<std::uint32_t> columns;
};

/// In a change: looks into the UNIQUE constraints and indexes that an UPDATE writes, but for those with a
/// condition or an expression. Errors: those of SqliteFile.
absl::StatusOr<TakenValues> FindTaken(const SqliteFile& file, const DeliveryTask& task);

/// In a change: sets these columns of the task's row to NULL. Errors: also what the database refuses.
absl::Status SetToNull(const SqliteFile& file, const DeliveryTask& task,
                       const std::set<std::uint32_t>& columns);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_TAKEN_VALUES_H_
