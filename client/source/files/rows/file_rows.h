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

/// Whether a text of a file says nothing: it is empty, or has only blanks, line ends, no-break spaces, and
/// the 0x1A by which DOS ends a file.
bool SaysNothing(std::string_view text);

/// Reads a number that is all of the text, as std::from_chars() does: an infinity or NaN as well.
template <typename Number>
std::optional<Number> ReadWhole(std::string_view text) {
  Number value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

/// How a text of a file is read: INT64, DOUBLE or TEXT.
///
/// A number is one only where its text comes back when it is written again: an integer without a plus sign or
/// leading zeros that fits 64 bits; a real as WriteReal() has it, a whole one also with '.0' behind it. So
/// '007', '1.10', '1E5' and '1234567890.123456789' are texts.
std::optional<std::int64_t> ReadInteger(std::string_view text);
/// Integers, too.
std::optional<double> ReadReal(std::string_view text);
/// In as few digits as tell it from all others: 0.1, 100000, 1e-05.
std::string WriteReal(double value);

/// Where somebody said that it is one: whatever can be read as one, '007' and '+1' as well.
std::optional<std::int64_t> ReadDeclaredInteger(std::string_view text);
/// The nearest double to it, however many digits it has.
std::optional<double> ReadDeclaredReal(std::string_view text);

/// What may stand before the digits behind a whole number.
struct Decimals {
  bool point = true, comma = false;
};
/// A text with a decimal comma, with a point instead. Absent: it has a point.
std::optional<std::string> WithPoint(std::string_view text);
std::optional<double> ReadRealBy(const Decimals& decimals, std::string_view text);
std::optional<double> ReadDeclaredRealBy(const Decimals& decimals, std::string_view text);

/// The narrowest type that holds all the texts it was shown.
class TypeGuess {
 public:
  explicit TypeGuess(Type from = Type::kInt64, Decimals decimals = {}) : type_(from), decimals_(decimals) {}
  /// `is_text`: the file says that it is no number.
  void Add(std::string_view text, bool is_text = false);
  /// A column without a value is TEXT, which whatever comes fits.
  Type type() const { return seen_ ? type_ : Type::kText; }
  bool seen() const { return seen_; }
  /// Its reals have a decimal comma.
  bool comma() const { return seen_ && type_ == Type::kDouble && !decimals_.point; }

 private:
  Type type_;
  Decimals decimals_;
  bool seen_ = false;
};

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
