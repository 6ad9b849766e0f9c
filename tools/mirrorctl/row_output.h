#ifndef MIRROR_TOOLS_MIRRORCTL_ROW_OUTPUT_H_
#define MIRROR_TOOLS_MIRRORCTL_ROW_OUTPUT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"

namespace mirror {

/// Takes the next bytes of a file.
using ByteSink = std::function<absl::Status(std::string_view bytes)>;
/// What is said of all rows, where the format has a place for it.
using ExportNotes = std::vector<std::pair<std::string, std::string>>;

/// Rows of one table in a format. In this order, each until an error: Begin(), Write() for each block, End().
/// Errors: those of the sink; kResourceExhausted: a value that the format cannot hold.
class RowOutput {
 public:
  virtual ~RowOutput() = default;
  virtual absl::Status Begin() = 0;
  /// `columns`: all of the table, in its order.
  virtual absl::Status Write(std::span<const ColumnView> columns, std::uint32_t rows) = 0;
  virtual absl::Status End(const ExportNotes& notes) = 0;
};

/// For a column of ANY: the name of the one beside it that says what each value is. `table` has no other
/// column of that name, whatever its case.
std::string KindColumn(const TableSchema& table, const Column& column);
/// integer, real, text, blob or raw_text; of NULL nothing.
std::string_view KindWord(Kind kind);
/// A value that is no NULL, as text: numbers and words as JSON has them, bytes as base64.
void AppendText(const Column& column, const Value& value, std::string* text);

/// RFC 4180, with the names first. NULL is empty, an empty text is "". Bytes are base64. A column of ANY has
/// another one behind it, see KindColumn(). `table` outlives it.
std::unique_ptr<RowOutput> CsvOutput(const TableSchema& table, ByteSink sink);

/// One JSON object a line, see JsonRows. `table` outlives it.
std::unique_ptr<RowOutput> JsonLinesOutput(const TableSchema& table, ByteSink sink);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ROW_OUTPUT_H_
