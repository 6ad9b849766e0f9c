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

/// Rows of a source one by one, in wire form. Threads: one.
class ValueRows {
 public:
  virtual ~ValueRows() = default;
  /// Moves to the next row. False: there is none. Errors: see TableReader::Next().
  virtual absl::StatusOr<bool> Next() = 0;
  /// Returns the present row's values: one for each requested column, in that order. They are valid until the
  /// next Next().
  virtual const std::vector<Value>& values() const = 0;
};

/// Selects the rows and digests of a scan.
struct ValueScanRule {
  std::optional<RowBound> bound = {};
  bool by_column = false;  ///< See DigestPiece.
};

/// The columns to read for a scan over `columns`: first `columns`, then those of the keys and of the bound.
struct ScanColumns {
  ScanColumns(const TableSchema& table, const std::vector<std::uint32_t>& columns, const ValueScanRule& rule);

  std::vector<std::uint32_t> read;
  std::size_t digested = 0;         ///< The number of leading columns that are digested.
  std::vector<std::size_t> key_at;  ///< Places of the key's columns in `read`.
  std::size_t bound_at = 0;         ///< Place of the bound's column.
};

/// Digests rows in their given order. `table`: as announced. `rows` gives the columns of `what.read`; it may
/// give rows outside the bound, which are filtered here.
std::unique_ptr<DigestReader> ScanValues(const TableSchema& table, ValueScanRule rule,
                                         const ScanColumns& what, std::unique_ptr<ValueRows> rows);

/// Returns the number of rows.
absl::StatusOr<std::uint64_t> CountValues(ValueRows& rows);

/// Returns the rows unchanged, in blocks.
std::unique_ptr<TableReader> ReadValues(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                                        std::unique_ptr<ValueRows> rows);

/// Computes SourceReader::ColumnFacts from all values of one column, which is announced as `given`.
absl::StatusOr<SourceReader::ColumnFacts> FactsOfValues(const Column& given, ValueRows& rows);

/// The requested keys, shared by the query of the source and the reader of its answer.
using WantedKeys = std::shared_ptr<const std::vector<Key>>;

/// Reads rows for SourceReader::RowsOf(): gives inserts of the existing rows with these keys, then deletes of
/// the other keys. `table`: as announced. `what`: of a scan over the sent columns, without a bound. `rows`:
/// gives each existing row at least once, with the columns of `what.read`. It may give other rows, too: for
/// example rows whose keys are equal by the source's collation. Null: there are no keys.
std::unique_ptr<ChangeReader> ReadKeyRows(std::shared_ptr<const TableSchema> table, ScanColumns what,
                                          WantedKeys keys, std::unique_ptr<ValueRows> rows);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_VALUE_ROWS_H_
