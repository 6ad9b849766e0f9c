#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_RANGES_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "proto/wire/key_range.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "server/store/postgres/place/names.h"

namespace mirror {

/// What is read of a mirrored table. All of it outlives the reading.
struct PostgresReading {
  std::string name;  ///< As it stands in SQL, with its schema.
  const TableSchema& kept;
  std::string select;         ///< Of a table with the alias "m": see PostgresStoredRows::SelectList().
  bool in_key_order = false;  ///< Where a range has no bound; others are.
  bool first_alone = false;   ///< Of each range that has a bound, the first row.
  /// Rows that are read in place of the table's, "(SELECT ...)": former ones. Empty: its own.
  std::string rows = {};

  std::string From() const { return rows.empty() ? "ONLY " + name : rows; }
};

/// Takes a row of `ranges[range]`: what was selected, in its order. Its error ends the reading.
using TakeRangeRow = std::function<absl::Status(const postgres::RowView& row, std::size_t range)>;

/// The live rows of each range, one range after the other, those of one in the order of the key; without
/// ranges all of them, as of one. `may_go_on` is asked at least each 10 ms, and behind some rows: its error
/// ends the reading. The transaction has failed when the reading was ended. Errors: those of InStoreWords().
absl::Status ReadRanges(postgres::Connection& connection, const PostgresReading& reading,
                        const std::vector<KeyRange>& ranges, const std::function<absl::Status()>& may_go_on,
                        const TakeRangeRow& take);

/// See StoreRecords::ReadRows().
absl::StatusOr<RowBlock> ReadRowsByKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                       const TableSchema& kept, const std::vector<std::string>& keys,
                                       std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_RANGES_H_
