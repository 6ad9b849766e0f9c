#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_FILE_ROWS_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_FILE_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror {

/// Bytes of one row of a file; a longer one is none. A quote that is never closed ends here, too.
inline constexpr std::size_t kFileRowBytesMax = 64 << 20;

/// How much a file may ask for. Over a limit reading ends with kResourceExhausted, unless it is said
/// otherwise.
struct FileLimits {
  std::size_t row_bytes_max = kFileRowBytesMax;  ///< Of a row's values; of a CSV file's as they stand there.
  /// A longer row is the end. Else it is wrong, and the next one follows.
  bool long_row_ends = false;
  std::uint32_t columns_max = 16'384;  ///< Excel's own. A longer row is wrong, a longer header an error.
  /// Of a workbook's sheet, empty ones included.
  std::uint64_t sheet_rows_max = std::numeric_limits<std::uint64_t>::max();
  /// What a workbook may become: bytes of its parts, and of the values of all its rows.
  std::uint64_t inflated_max = std::numeric_limits<std::uint64_t>::max();
};

/// One row of a file, valid until the next one is read.
struct FileRow {
  std::uint64_t line = 0;                               ///< Where it begins, from 1.
  std::vector<std::optional<std::string_view>> fields;  ///< UTF-8 where the file is what it is said to be.
  std::vector<bool>
      texts;              ///< Of each field, whether the file says that it is a text; empty: it says nothing.
  std::string wrong;      ///< Why it cannot be taken, for people; empty: it can.
  std::string_view raw;   ///< As it stands in the file, with its end.
  std::string_view file;  ///< Where it stands, of a table of several files; else empty.
};

/// The rows of a file with a header, from the first to the last. Memory: one row and a piece of the file.
/// Threads: one.
class FileRows {
 public:
  virtual ~FileRows() = default;
  virtual const std::vector<std::string>& header() const = 0;
  /// As FileRow.raw, with its end.
  virtual const std::string& raw_header() const = 0;
  /// Between two fields; 0: nothing is.
  virtual char separator() const { return 0; }
  /// Of the file, so far.
  virtual std::uint64_t bytes_read() const = 0;
  /// False: there are no more. Errors: the file cannot be read; kResourceExhausted: a limit.
  virtual absl::StatusOr<bool> Next(FileRow* row) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_FILE_ROWS_H_
