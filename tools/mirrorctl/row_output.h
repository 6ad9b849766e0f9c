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

/// A function that receives the next bytes of a file.
using ByteSink = std::function<absl::Status(std::string_view bytes)>;
/// Names and values that describe the whole export, for formats that can hold them.
using ExportNotes = std::vector<std::pair<std::string, std::string>>;

/// Writes rows of one table. Call Begin(), then Write() for each block, then End(); make no further call
/// after an error. Errors: those of the sink; kResourceExhausted: a value that the format cannot hold.
class RowOutput {
 public:
  virtual ~RowOutput() = default;
  virtual absl::Status Begin() = 0;
  /// Writes a block of rows. `columns`: all columns of the table, in its order.
  virtual absl::Status Write(std::span<const ColumnView> columns, std::uint32_t rows) = 0;
  virtual absl::Status End(const ExportNotes& notes) = 0;
};

/// Returns the name of the extra column that holds the kind of each value of an ANY column. It differs from
/// all other columns of `table`, also if case is ignored.
std::string KindColumn(const TableSchema& table, const Column& column);
/// Returns the word for a kind: integer, real, text, blob or raw_text; for NULL an empty text.
std::string_view KindWord(Kind kind);
/// Appends a value that is not NULL as text: numbers and booleans as in JSON, bytes as base64.
void AppendText(const Column& column, const Value& value, std::string* text);

/// Makes an output that writes CSV (RFC 4180), column names first. NULL is empty, an empty text is "". Bytes
/// are base64. An ANY column is followed by a further column, see KindColumn(). `table` must outlive the
/// result.
std::unique_ptr<RowOutput> CsvOutput(const TableSchema& table, ByteSink sink);

/// Makes an output that writes one JSON object per line, see JsonRows. `table` must outlive the result.
std::unique_ptr<RowOutput> JsonLinesOutput(const TableSchema& table, ByteSink sink);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ROW_OUTPUT_H_
