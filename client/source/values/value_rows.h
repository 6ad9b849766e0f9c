#ifndef MIRROR_CLIENT_SOURCE_VALUES_VALUE_ROWS_H_
#define MIRROR_CLIENT_SOURCE_VALUES_VALUE_ROWS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/batch.h"

namespace mirror {

/// Rows of a source one by one, as they travel. Threads: one.
class ValueRows {
 public:
  virtual ~ValueRows() = default;
  /// False: there is no further row. Errors: see TableReader::Next().
  virtual absl::StatusOr<bool> Next() = 0;
  /// Of the row at which this stands, a value for each column that was asked for, in that order; they are
  /// there until the next Next().
  virtual const std::vector<Value>& values() const = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_VALUES_VALUE_ROWS_H_
