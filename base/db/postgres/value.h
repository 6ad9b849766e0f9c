#ifndef MIRROR_BASE_DB_POSTGRES_VALUE_H_
#define MIRROR_BASE_DB_POSTGRES_VALUE_H_

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/types/span.h"

// Values in PostgreSQL's binary formats, for sending and receiving. The functions are inline, because they
// are called for each value of each row.

namespace mirror::postgres {

/// Types of values, with PostgreSQL's numbers (pg_type.oid). Values of other types are cast in SQL.
enum class Type : std::uint32_t {
  kUnknown = 0,  ///< The statement decides the type.
  kBool = 16,
  kBytea = 17,
  kName = 19,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kOid = 26,
  kFloat4 = 700,
  kFloat8 = 701,
  kVarchar = 1043,
  kDate = 1082,
  kTime = 1083,
  kTimestamp = 1114,
  kTimestamptz = 1184,
  kNumeric = 1700,
  kUuid = 2950,
};

/// Writes a number, the most significant byte first.
template <std::integral Number>
void PutNumber(char* to, Number number) {
  auto bits = static_cast<std::make_unsigned_t<Number>>(number);
  for (std::size_t i = sizeof(Number); i-- > 0;) {
    to[i] = static_cast<char>(bits & 0xff);
    if constexpr (sizeof(Number) > 1) bits = static_cast<decltype(bits)>(bits >> 8);
  }
}
template <std::integral Number>
void AppendNumber(std::string& to, Number number) {
  char bytes[sizeof(Number)];
  PutNumber(bytes, number);
  to.append(bytes, sizeof(Number));
}

/// Reads a number of 1, 2, 4 or 8 bytes; 0 for any other size.
std::int64_t ReadInt(std::string_view binary);
/// Reads a float4 or float8; 0 for any other size.
double ReadReal(std::string_view binary);

/// A value that is bound to a statement or written into a row of COPY. It is a view of texts and bytes, which
/// must live until the value was used.
class Value {
 public:
  /// Makes NULL, of the type that the statement needs.
  Value(std::nullptr_t) {}  // NOLINT: stands in lists of values, as all of these.
  /// Makes a bool or an int8. An unsigned number is stored as the same 64 bits.
  template <std::integral Number>
  Value(Number number) : is_null_(false) {
    if constexpr (std::same_as<Number, bool>) {
      type_ = Type::kBool;
      Keep(static_cast<std::int8_t>(number ? 1 : 0));
    } else {
      type_ = Type::kInt8;
      Keep(static_cast<std::int64_t>(number));
    }
  }
  Value(double number);
  /// Makes a text.
  Value(std::string_view text) : Value(Type::kText, text) {}
  Value(const char* text) : Value(std::string_view(text)) {}
  Value(const std::string& text) : Value(std::string_view(text)) {}

  static Value Null(Type type) {
    Value null(nullptr);
    null.type_ = type;
    return null;
  }
  static Value Int4(std::int32_t number) {
    Value value(nullptr);
    value.type_ = Type::kInt4;
    value.is_null_ = false;
    value.Keep(number);
    return value;
  }
  static Value Bytes(std::string_view bytes) { return Value(Type::kBytea, bytes); }
  /// Makes a value from bytes in the binary format of `type`.
  static Value Raw(Type type, std::string_view binary) { return Value(type, binary); }

  /// Makes a value from a text, which the server parses as the type that the statement needs. The text ends
  /// at a NUL.
  static Value AsWanted(const std::string& text) { return Value(Type::kUnknown, std::string_view(text)); }

  Type type() const { return type_; }
  bool is_null() const { return is_null_; }
  /// Returns the bytes; empty for NULL. Valid as long as this object.
  std::string_view binary() const {
    return own_size_ == 0 ? view_ : std::string_view(own_.data(), own_size_);
  }

 private:
  Value(Type type, std::string_view view) : type_(type), is_null_(false), view_(view) {}
  template <typename Number>
  void Keep(Number number) {
    own_size_ = sizeof(number);
    PutNumber(own_.data(), number);
  }

  Type type_ = Type::kUnknown;
  bool is_null_ = true;
  std::uint8_t own_size_ = 0;
  std::array<char, 8> own_{};
  std::string_view view_;
};

/// The values of a statement, $1 first.
using Values = absl::Span<const Value>;

/// An array of one dimension, for unnest($1) and = ANY($1).
class Array {
 public:
  /// Makes an empty array. `element`: kBool, kBytea, kInt8, kInt2, kInt4, kText, kFloat8, kDate, kTime,
  /// kTimestamp, kTimestamptz, kNumeric or kUuid.
  explicit Array(Type element);
  /// Copies a value of the element's type.
  void Add(const Value& value);
  std::int32_t size() const { return size_; }
  /// Returns the array as a value. Valid until the next Add(), and as long as this object.
  Value value();

 private:
  const Type type_;
  std::int32_t size_ = 0;
  bool has_null_ = false;
  std::string bytes_;
};

/// Returns an array of these texts.
template <typename Texts>
Array TextArray(const Texts& texts) {
  Array array(Type::kText);
  for (const auto& text : texts) array.Add(text);
  return array;
}

/// Appends the binary format of a numeric to `to`. `decimal` has the form "-12.50": digits, and after a dot
/// the digits of its scale; at most 1,000 digits.
void AppendNumeric(std::string_view decimal, std::string& to);

/// Converts the binary format of a numeric to text, with all digits of its scale after the dot. Absent: the
/// bytes are NaN, an infinity, or not a numeric.
std::optional<std::string> ReadNumeric(std::string_view binary);

}  // namespace mirror::postgres

#endif  // MIRROR_BASE_DB_POSTGRES_VALUE_H_
