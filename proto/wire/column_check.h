#ifndef MIRROR_PROTO_WIRE_COLUMN_CHECK_H_
#define MIRROR_PROTO_WIRE_COLUMN_CHECK_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "proto/wire/batch.h"
#include "proto/wire/limits.h"
#include "proto/wire/table.h"

namespace mirror {

/// Place of an error in a batch: the table and, if known, the column and the row. It makes errors whose text
/// has the place, `reason`, that nothing was applied, and `remedy`.
struct Place {
  const TableSchema& table;
  const Column* column = nullptr;
  std::optional<std::uint32_t> row = std::nullopt;

  absl::Status Refuse(const std::string& reason, std::string_view remedy) const;   ///< kInvalidArgument.
  absl::Status TooMuch(const std::string& reason, std::string_view remedy) const;  ///< kResourceExhausted.
  Place At(std::uint32_t in_row) const { return {table, column, in_row}; }

 private:
  std::string Words(const std::string& reason, std::string_view remedy) const;
};

/// Checks one column's values and completes its view. The caller sets `column`, which must be an index of the
/// table, and `ints`, `doubles`, `data`, `nulls`, `kinds` and `large` as received; this function sets
/// `storage`, `text`, `starts` and `slots`. Errors: kInvalidArgument, kResourceExhausted (a large value over
/// the limit).
absl::Status CheckColumn(const TableSchema& table, std::uint32_t row_count, const WireLimits& limits,
                         std::span<const std::uint32_t> lengths, ColumnView* view);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_COLUMN_CHECK_H_
