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

/// A value, which is not NULL, in PostgreSQL's binary format: the one place where a value is turned on its
/// way out. It may view `value` and `to`, which it may have written.
postgres::Value PostgresValue(const Column& declared, const Value& value, std::string* to);

/// What a batch has, in PostgreSQL's binary formats.
/// Views the batch, which outlives it.
class PostgresBatchValues {
 public:
  PostgresBatchValues(const TableSchema& schema, const ChangeBatch& batch) : schema_(schema), batch_(batch) {
    turned_.resize(batch.columns.size());
  }

  /// Of batch.columns[column]; not of a value that came in parts. Good until the next call for that column.
  postgres::Value At(std::size_t column, std::uint32_t row);
  /// kKindsColumn of a whole row. Good until the next call.
  std::string_view KindsOf(const PostgresKinds& places, std::uint32_t row);
  /// The kinds alone, of the batch's ANY columns in their order there. Good until the next call.
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
