#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROW_DECODER_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROW_DECODER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/source/odbc/odbc_table.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// A value that is not as its column was announced.
struct OdbcMisfit {
  std::size_t column = 0;  ///< Among those that are decoded.
  bool is_null = false;    ///< There is none, and each row was to have one; else it does not fit the type.
};

/// Rows of a table, from their texts to the wire's values. Threads: one.
class OdbcRowDecoder {
 public:
  struct Field {
    OdbcForm form = OdbcForm::kText;
    Column announced;
  };
  explicit OdbcRowDecoder(std::vector<Field> fields) : fields_(std::move(fields)), texts_(fields_.size()) {}

  /// One row: a field without data is NULL; there may be more behind those that are decoded. False: there are
  /// misfits.
  bool Decode(const std::vector<std::string_view>& fields);

  /// They view the row's fields, and this.
  const std::vector<Value>& values() const { return values_; }
  const std::vector<OdbcMisfit>& misfits() const { return misfits_; }

 private:
  const std::vector<Field> fields_;
  std::vector<std::string> texts_;  ///< What no field has as it is.
  std::vector<Value> values_;
  std::vector<OdbcMisfit> misfits_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_ROW_DECODER_H_
