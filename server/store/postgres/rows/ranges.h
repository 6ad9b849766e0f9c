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

/// Describes what to read of a mirrored table. Everything in it must outlive the read.
struct PostgresReading {
  std::string name;  ///< As it stands in SQL, with its schema.
  const TableSchema& kept;
  std::string select;         ///< For a table alias "m": see PostgresStoredRows::SelectList().
  bool in_key_order = false;  ///< For ranges without a bound; others always are.
  bool first_alone = false;   ///< Only the first row of each bounded range.
  /// Former rows to read instead of the table's, "(SELECT ...)". Empty: the table's own rows.
  std::string rows = {};

  std::string From() const { return rows.empty() ? "ONLY " + name : rows; }
};

/// Takes a row of `ranges[range]`, with the selected values in order. An error ends the read.
using TakeRangeRow = std::function<absl::Status(const postgres::RowView& row, std::size_t range)>;

/// Reads the live rows of each range, range by range, each in the order of the key; without ranges all rows,
/// as of one range. Calls `may_go_on` at least every 10 ms, and every so many rows: its error ends the read.
/// After an ended read the transaction has failed. Errors: those of ToStoreStatus().
absl::Status ReadRanges(postgres::Connection& connection, const PostgresReading& reading,
                        const std::vector<KeyRange>& ranges, const std::function<absl::Status()>& may_go_on,
                        const TakeRangeRow& take);

/// See StoreRecords::ReadRows().
absl::StatusOr<RowBlock> ReadRowsByKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                       const TableSchema& kept, const std::vector<std::string>& keys,
                                       std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_RANGES_H_
