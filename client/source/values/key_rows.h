#ifndef MIRROR_CLIENT_SOURCE_VALUES_KEY_ROWS_H_
#define MIRROR_CLIENT_SOURCE_VALUES_KEY_ROWS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "client/source/reader.h"
#include "client/source/values/value_rows.h"
#include "client/source/values/value_scan.h"
#include "proto/wire/table.h"

namespace mirror {

/// The keys that are asked for, which what asks the source and what reads its answer have in common.
using WantedKeys = std::shared_ptr<const std::vector<Key>>;

/// For SourceReader::RowsOf(): inserts of the rows of these keys that are there, behind them deletes of all
/// others. `table`: as it is announced. `what`: of a scan over the columns that are sent, without a bound.
/// `rows`: each of those rows at least once, with the columns of `what.read`; it may give others, too, as
/// those whose keys the source's collation takes for equal. Null: there are no keys.
std::unique_ptr<ChangeReader> ReadKeyRows(std::shared_ptr<const TableSchema> table, ScanColumns what,
                                          WantedKeys keys, std::unique_ptr<ValueRows> rows);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_VALUES_KEY_ROWS_H_
