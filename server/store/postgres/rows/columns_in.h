#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_IN_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_IN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/db/postgres/rows.h"
#include "proto/wire/batch.h"
#include "proto/wire/row_block.h"
#include "proto/wire/row_digest.h"
#include "proto/wire/table.h"
#include "server/store/postgres/rows/any_kinds.h"

namespace mirror {

/// Rows of a mirrored table as the protocol has them. The one place where a value is turned on its way in.
/// Errors of all: kFailedPrecondition when somebody else wrote a value, or changed a column's type.
class PostgresStoredRows {
 public:
  /// `kept` and `places` outlive it.
  PostgresStoredRows(const TableSchema& kept, const PostgresKinds& places,
                     std::vector<std::uint32_t> columns);

  /// What a SELECT gives, for the other calls: the columns, with `alias` before them where it is not empty.
  std::string SelectList(std::string_view alias = "") const;

  /// Appends the row to `block`, whose columns are these, in that order. After an error it is not to be used.
  absl::Status Append(const postgres::Rows& rows, int row, RowBlock* block);
  /// Adds its values to `digest`, in that order.
  absl::Status Digest(const postgres::Rows& rows, int row, RowDigest* digest);

 private:
  /// What is viewed is gone with the next call.
  absl::Status Read(const postgres::Rows& rows, int row, std::size_t index, Value* value);
  bool ReadTyped(const Column& column, std::string_view binary, Value* value);
  bool ReadAny(const postgres::Rows& rows, int row, std::size_t index, Value* value);

  const TableSchema& kept_;
  const PostgresKinds& places_;
  const std::vector<std::uint32_t> columns_;
  bool has_kinds_ = false;  ///< Behind the columns.
  std::string bytes_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_IN_H_
