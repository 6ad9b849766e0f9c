#ifndef MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_OUT_H_
#define MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_OUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/db/postgres/value.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/store/postgres/rows/any_kinds.h"

namespace mirror {

/// Converts a value, which must not be NULL, to PostgreSQL's binary format. No other code converts values on
/// the way out. The result may view `value` and `to`; this may write to `to`.
postgres::Value PostgresValue(const Column& declared, const Value& value, std::string* to);

/// The values of a batch in PostgreSQL's binary formats.
/// Views the batch, which must outlive it.
class PostgresBatchValues {
 public:
  PostgresBatchValues(const TableSchema& schema, const ChangeBatch& batch) : schema_(schema), batch_(batch) {
    turned_.resize(batch.columns.size());
  }

  /// Value of batch.columns[column], which must not be one in parts. Valid until the column's next call.
  postgres::Value At(std::size_t column, std::uint32_t row);
  /// kKindsColumn of a whole row. Valid until the next call.
  std::string_view KindsOf(const PostgresKinds& places, std::uint32_t row);
  /// Only the kinds of the batch's ANY columns, in the batch's order. Valid until the next call.
  std::string_view KindsSent(std::uint32_t row);

 private:
  Kind KindAt(std::size_t column, std::uint32_t row) const;

  const TableSchema& schema_;
  const ChangeBatch& batch_;
  std::vector<std::string> turned_;  ///< By column of the batch.
  std::string kinds_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_ROWS_COLUMNS_OUT_H_
