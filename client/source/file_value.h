#ifndef MIRROR_CLIENT_SOURCE_FILE_VALUE_H_
#define MIRROR_CLIENT_SOURCE_FILE_VALUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

namespace mirror {

/// How a text of a file is read: INT64, DOUBLE or TEXT.
///
/// A number is one only where nothing is lost when it is written again: an integer without a plus sign or
/// leading zeros that fits 64 bits; a real without leading zeros whose digits a double keeps: any 15, or
/// those with which it is written itself, as 0.30000000000000004. So '007' and '1234567890.123456789' are
/// texts.
std::optional<std::int64_t> ReadInteger(std::string_view text);
/// Integers, too.
std::optional<double> ReadReal(std::string_view text);

/// Where somebody said that it is one: whatever can be read as one, '007' and '+1' as well.
std::optional<std::int64_t> ReadDeclaredInteger(std::string_view text);
/// The nearest double to it, however many digits it has.
std::optional<double> ReadDeclaredReal(std::string_view text);

/// The narrowest type that holds all the texts it was shown.
class TypeGuess {
 public:
  explicit TypeGuess(Type from = Type::kInt64) : type_(from) {}
  void Add(std::string_view text) {
    if (type_ == Type::kInt64 && !ReadInteger(text)) type_ = Type::kDouble;
    if (type_ == Type::kDouble && !ReadReal(text)) type_ = Type::kText;
    seen_ = true;
  }
  /// A column without a value is TEXT, which whatever comes fits.
  Type type() const { return seen_ ? type_ : Type::kText; }
  bool seen() const { return seen_; }

 private:
  Type type_;
  bool seen_ = false;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILE_VALUE_H_
