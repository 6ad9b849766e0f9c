#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_FILE_ROWS_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_FILE_ROWS_H_

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/wire/table.h"

namespace mirror {

/// Returns whether a text of a file is blank: empty, or only blanks, line ends, no-break spaces, and the 0x1A
/// that ends a DOS file.
bool SaysNothing(std::string_view text);

/// Reads a number that fills the whole text, as std::from_chars() does, infinity and NaN included.
template <typename Number>
std::optional<Number> ReadWhole(std::string_view text) {
  Number value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Functions that read a text of a file as INT64 or DOUBLE; absent: it is a TEXT.
///
/// A text is a number only if the number is written in the same way. An integer has no plus sign and no
/// leading zeros, and fits 64 bits. A real has the form of WriteReal(); a whole one may also have '.0' at its
/// end. So '007', '1.10', '1E5' and '1234567890.123456789' are texts.
std::optional<std::int64_t> ReadInteger(std::string_view text);
/// Accepts integers, too.
std::optional<double> ReadReal(std::string_view text);
/// Writes the shortest digits that identify the value: 0.1, 100000, 1e-05.
std::string WriteReal(double value);

/// Reads a value of a declared type: accepts any text that is a number, also '007' and '+1'.
std::optional<std::int64_t> ReadDeclaredInteger(std::string_view text);
/// Returns the nearest double, for any number of digits.
std::optional<double> ReadDeclaredReal(std::string_view text);

/// The decimal marks that a text may have.
struct Decimals {
  bool point = true, comma = false;
};
/// Replaces a decimal comma by a point. Absent: the text has a point.
std::optional<std::string> WithPoint(std::string_view text);
std::optional<double> ReadRealBy(const Decimals& decimals, std::string_view text);
std::optional<double> ReadDeclaredRealBy(const Decimals& decimals, std::string_view text);

/// The narrowest type that holds all texts added.
class TypeGuess {
 public:
  explicit TypeGuess(Type from = Type::kInt64, Decimals decimals = {}) : type_(from), decimals_(decimals) {}
  /// Adds a text. `is_text`: the file marks it as text, so it is not a number.
  void Add(std::string_view text, bool is_text = false);
  /// A column without values is TEXT, which fits any later value.
  Type type() const { return seen_ ? type_ : Type::kText; }
  bool seen() const { return seen_; }
  /// Whether the reals of the column have a decimal comma.
  bool comma() const { return seen_ && type_ == Type::kDouble && !decimals_.point; }

 private:
  Type type_;
  Decimals decimals_;
  bool seen_ = false;
};

/// Maximum bytes of one row of a file. A longer row is wrong. The limit also ends a quote that is never
/// closed.
inline constexpr std::size_t kFileRowBytesMax = 64 << 20;

/// Limits for reading a file. Above a limit reading ends with kResourceExhausted, unless stated
/// otherwise.
struct FileLimits {
  std::size_t row_bytes_max = kFileRowBytesMax;  ///< For a row's values; in a CSV file for their raw text.
  /// True: reading ends at a longer row. False: the row is wrong, and reading continues with the next one.
  bool long_row_ends = false;
  std::uint32_t columns_max = 16'384;  ///< Excel's limit. A longer row is wrong, a longer header an error.
  /// For a sheet of a workbook, empty rows included.
  std::uint64_t sheet_rows_max = std::numeric_limits<std::uint64_t>::max();
  /// For a workbook: inflated bytes of its parts, and of the values of all its rows.
  std::uint64_t inflated_max = std::numeric_limits<std::uint64_t>::max();
};

/// One row of a file, valid until the next one is read.
struct FileRow {
  std::uint64_t line = 0;                               ///< Line where it begins, from 1.
  std::vector<std::optional<std::string_view>> fields;  ///< UTF-8 if the file is valid.
  std::vector<bool> texts;  ///< For each field: the file marks it as text; empty: it marks none.
  std::string wrong;        ///< Why it is rejected, for people; empty: it is valid.
  std::string_view raw;     ///< Its unchanged text in the file, with its line end.
  std::string_view file;    ///< Its file, in a table of several files; else empty.
};

/// The rows of a file with a header, from the first to the last. Memory: one row and a piece of the file.
/// Threads: one.
class FileRows {
 public:
  virtual ~FileRows() = default;
  virtual const std::vector<std::string>& header() const = 0;
  /// Returns the header as in the file, with its line end.
  virtual const std::string& raw_header() const = 0;
  /// The separator between two fields; 0: there is none.
  virtual char separator() const { return 0; }
  /// Bytes of the file read so far.
  virtual std::uint64_t bytes_read() const = 0;
  /// Reads the next row. False: there are no more rows. Errors: the file cannot be read; kResourceExhausted:
  /// a limit.
  virtual absl::StatusOr<bool> Next(FileRow* row) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_FILE_ROWS_H_
