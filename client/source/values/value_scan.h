#ifndef MIRROR_CLIENT_SOURCE_VALUES_VALUE_SCAN_H_
#define MIRROR_CLIENT_SOURCE_VALUES_VALUE_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "client/source/reader.h"
#include "client/source/values/value_rows.h"
#include "proto/wire/table.h"

namespace mirror {

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

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_VALUES_VALUE_SCAN_H_
