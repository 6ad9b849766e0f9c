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

/// Converts a value, which must not be NULL, to PostgreSQL's binary format. All values that are written are
/// converted here. The result may be a view of `value` or of `to`, into which this function may write.
postgres::Value PostgresValue(const Column& declared, const Value& value, std::string* to);

/// The values of a batch in PostgreSQL's binary formats. The batch must outlive this object.
class PostgresBatchValues {
 public:
  PostgresBatchValues(const TableSchema& schema, const ChangeBatch& batch) : schema_(schema), batch_(batch) {
    turned_.resize(batch.columns.size());
  }

  /// Returns the value of batch.columns[column], which must not come in parts. Valid until the next call for
  /// this column.
  postgres::Value At(std::size_t column, std::uint32_t row);
  /// Returns kKindsColumn of a row with all columns. Valid until the next call.
  std::string_view KindsOf(const PostgresKinds& places, std::uint32_t row);
  /// Returns the kinds of the batch's ANY columns only, in the batch's order. Valid until the next call.
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
