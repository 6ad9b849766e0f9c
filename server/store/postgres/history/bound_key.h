#ifndef MIRROR_SERVER_STORE_POSTGRES_HISTORY_BOUND_KEY_H_
#define MIRROR_SERVER_STORE_POSTGRES_HISTORY_BOUND_KEY_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/db/postgres/value.h"
#include "proto/wire/key_range.h"
#include "proto/wire/table.h"

namespace mirror {

/// A key's values, bound from $1 on. `key` and `table` outlive it.
class BoundKey {
 public:
  /// `alias`: of the rows that are looked for.
  BoundKey(const TableSchema& table, const Key& key, std::string_view alias);

  /// Else no row of this key can be in PostgreSQL.
  bool can_be_there() const { return can_be_there_; }
  const std::vector<postgres::Value>& values() const { return values_; }
  /// The condition, in SQL.
  const std::string& same() const { return same_; }

 private:
  std::vector<std::string> turned_;
  std::vector<postgres::Value> values_;
  std::string same_;
  bool can_be_there_ = true;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HISTORY_BOUND_KEY_H_
