#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROW_DECODER_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROW_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/source/postgres/postgres_types.h"
#include "proto/wire/batch.h"

namespace mirror {

/// A value that is not as its column was announced.
struct PostgresMisfit {
  std::size_t column = 0;  ///< Among those that are decoded.
  bool is_null = false;    ///< There is none, and each row was to have one; else it does not fit the type.
};

/// Rows of a table, from PostgreSQL's binary formats to the wire's values. Threads: one.
class PostgresRowDecoder {
 public:
  struct Field {
    PostgresValueForm form = PostgresValueForm::kText;
    Column announced;
  };
  explicit PostgresRowDecoder(std::vector<Field> fields)
      : fields_(std::move(fields)), texts_(fields_.size()) {}

  /// One row: a field without data is NULL. False: there are misfits.
  bool Decode(const std::vector<std::string_view>& fields);

  /// They view the row's fields, and this.
  const std::vector<Value>& values() const { return values_; }
  const std::vector<PostgresMisfit>& misfits() const { return misfits_; }

 private:
  /// False: it does not fit.
  bool DecodeValue(const Field& field, std::string_view data, std::string* text, Value* value) const;

  const std::vector<Field> fields_;
  std::vector<std::string> texts_;  ///< Of numerics.
  std::vector<Value> values_;
  std::vector<PostgresMisfit> misfits_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROW_DECODER_H_
