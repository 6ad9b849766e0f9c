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

/// Says what to read from a mirrored table. Everything in it must outlive the read.
struct PostgresReading {
  std::string name;  ///< As written in SQL, with its schema.
  const TableSchema& kept;
  std::string select;         ///< For a table alias "m": see PostgresStoredRows::SelectList().
  bool in_key_order = false;  ///< For a range without bounds. Others always are in key order.
  bool first_alone = false;   ///< Reads only the first row of each range with bounds.
  /// Former rows to read instead of the table's rows, as "(SELECT ...)". Empty: the table's own rows.
  std::string rows = {};

  std::string From() const { return rows.empty() ? "ONLY " + name : rows; }
};

/// Takes a row of `ranges[range]`, with the selected values in their order. An error ends the read.
using TakeRangeRow = std::function<absl::Status(const postgres::RowView& row, std::size_t range)>;

/// Reads the live rows of each range, one range after another, each in key order. Without ranges it reads all
/// rows as one range. Calls `may_go_on` at least every 10 ms, and after a certain number of rows. An error of
/// it ends the read. After a read that did not end normally, the transaction has failed. Errors: those of
/// ToStoreStatus().
absl::Status ReadRanges(postgres::Connection& connection, const PostgresReading& reading,
                        const std::vector<KeyRange>& ranges, const std::function<absl::Status()>& may_go_on,
                        const TakeRangeRow& take);

/// See StoreRecords::ReadRows().
absl::StatusOr<RowBlock> ReadRowsByKey(postgres::Connection& connection, const PostgresOwnTables& names,
                                       const TableSchema& kept, const std::vector<std::string>& keys,
                                       std::uint64_t bytes_max);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_RANGES_H_
