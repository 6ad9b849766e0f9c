#ifndef MIRROR_CLIENT_SOURCE_CAPTURE_ROW_APPENDER_H_
#define MIRROR_CLIENT_SOURCE_CAPTURE_ROW_APPENDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/source/reader.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Appends rows of a table to blocks. A value too long for a block is sent in parts before its row. Threads:
/// one.
class RowAppender {
 public:
  RowAppender(const TableSchema& table, const std::vector<std::uint32_t>& columns);

  /// Appends one row, with a value for each column; returns its weight. Errors: the sink's; kInvalidArgument:
  /// a value is too long for any mirror.
  absl::StatusOr<std::size_t> Append(const std::vector<Value>& values, RowBlock* block,
                                     LargeSink* sink) const;

 private:
  absl::Status AppendLarge(const Value& value, std::size_t at, ColumnBuffer* buffer, LargeSink* sink) const;

  std::string table_;
  std::vector<std::string> names_;
  std::vector<bool> in_key_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_CAPTURE_ROW_APPENDER_H_
