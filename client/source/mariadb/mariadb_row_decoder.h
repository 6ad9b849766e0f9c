#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROW_DECODER_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROW_DECODER_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// A value that is not as its column was announced.
struct MariadbMisfit {
  std::size_t column = 0;  ///< Among those that are decoded.
  bool is_null = false;    ///< There is none, and each row was to have one; else it does not fit the type.
};

/// Rows of a table, from MariaDB's texts to the wire's values. Threads: one.
class MariadbRowDecoder {
 public:
  /// `announced`: of each column that is read.
  explicit MariadbRowDecoder(std::vector<Column> announced);

  /// One row: a field without data is NULL. False: there are misfits.
  bool Decode(const std::vector<std::string_view>& fields);

  /// They view the row's fields, and this.
  const std::vector<Value>& values() const { return values_; }
  const std::vector<MariadbMisfit>& misfits() const { return misfits_; }

 private:
  /// False: it does not fit.
  static bool DecodeValue(const Column& announced, std::string_view data, std::string* bytes, Value* value);

  std::vector<Column> announced_;
  std::vector<std::string> bytes_;  ///< Of UUIDs.
  std::vector<Value> values_;
  std::vector<MariadbMisfit> misfits_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_ROW_DECODER_H_
