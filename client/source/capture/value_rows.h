#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_VALUE_ROWS_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_VALUE_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Rows of a source one by one, as they travel. Threads: one.
class ValueRows {
 public:
  virtual ~ValueRows() = default;
  /// False: there is no further row. Errors: see TableReader::Next().
  virtual absl::StatusOr<bool> Next() = 0;
  /// Of the row at which this stands, a value for each column that was asked for, in that order; they are
  /// there until the next Next().
  virtual const std::vector<Value>& values() const = 0;
};

/// What a scan gives.
struct ValueScanRule {
  std::optional<RowBound> bound = {};
  bool by_column = false;  ///< See DigestPiece.
};

/// What is read for a scan over `columns`: those first, then what its keys and its bound need.
struct ScanColumns {
  ScanColumns(const TableSchema& table, const std::vector<std::uint32_t>& columns, const ValueScanRule& rule);

  std::vector<std::uint32_t> read;
  std::size_t digested = 0;         ///< The first ones.
  std::vector<std::size_t> key_at;  ///< Places of the key's parts among `read`.
  std::size_t bound_at = 0;         ///< With a bound.
};

/// Digests of rows as they come. `table`: as it is announced. `rows` gives the columns of `what.read`; which
/// rows are within the bound is looked at here, so that it may give more.
std::unique_ptr<DigestReader> ScanValues(const TableSchema& table, ValueScanRule rule,
                                         const ScanColumns& what, std::unique_ptr<ValueRows> rows);

/// How many there are.
absl::StatusOr<std::uint64_t> CountValues(ValueRows& rows);

/// The rows as they are, in blocks.
std::unique_ptr<TableReader> ReadValues(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                                        std::unique_ptr<ValueRows> rows);

/// See SourceReader::LookAtColumn(): of all values of one column, which is announced as `given`.
absl::StatusOr<SourceReader::ColumnFacts> FactsOfValues(const Column& given, ValueRows& rows);

/// The keys that are asked for, which what asks the source and what reads its answer have in common.
using WantedKeys = std::shared_ptr<const std::vector<Key>>;

/// For SourceReader::RowsOf(): inserts of the rows of these keys that are there, behind them deletes of all
/// others. `table`: as it is announced. `what`: of a scan over the columns that are sent, without a bound.
/// `rows`: each of those rows at least once, with the columns of `what.read`; it may give others, too, as
/// those whose keys the source's collation takes for equal. Null: there are no keys.
std::unique_ptr<ChangeReader> ReadKeyRows(std::shared_ptr<const TableSchema> table, ScanColumns what,
                                          WantedKeys keys, std::unique_ptr<ValueRows> rows);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_VALUE_ROWS_H_
