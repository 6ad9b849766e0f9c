#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_FILE_VALUE_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_FILE_VALUE_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

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

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_FILE_VALUE_H_
