#ifndef MIRROR_PROTO_WIRE_VALUE_RULES_H_
#define MIRROR_PROTO_WIRE_VALUE_RULES_H_

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/wire/table.h"

namespace mirror {

/// Allowed integers of a column: multiples of a step from `min` to `max`.
class IntRule {
 public:
  IntRule(std::int64_t min, std::int64_t max, std::uint64_t step);

  bool InRange(std::int64_t value) const {
    return static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(min_) <= width_;
  }
  /// Returns true if `value`, which is not negative, is a multiple of the step. It needs no division: `value`
  /// is a multiple if and only if value / step, computed modulo 2^64, is at most the greatest possible
  /// quotient.
  bool OnStep(std::int64_t value) const {
    return std::rotr(static_cast<std::uint64_t>(value) * inverse_, shift_) <= quotient_max_;
  }
  bool Holds(std::int64_t value) const { return InRange(value) && OnStep(value); }
  bool has_step() const { return step_ > 1; }
  /// Returns true if every integer fits: no check is needed.
  bool HoldsAll() const { return width_ == UINT64_MAX; }

 private:
  std::int64_t min_;
  std::uint64_t width_;  // max - min.
  std::uint64_t step_;
  std::uint64_t inverse_ = 1;  // Inverse of the odd part of the step, modulo 2^64.
  int shift_ = 0;              // Exponent of the step's power of two.
  std::uint64_t quotient_max_;
};

/// Returns the rule of a column whose Storage is kInts.
IntRule IntRuleOf(const Column& column);

/// Returns true if a FLOAT, DOUBLE or ANY column holds `value`: finite, and for FLOAT exactly a 32-bit float.
bool HoldsReal(Type type, double value);
/// Returns true if `text` has the form of a DECIMAL column's values; a zero may have a sign, because earlier
/// versions wrote such zeros.
bool IsWrittenAsDecimal(const Column& column, std::string_view text);
/// Returns true if a DECIMAL column holds `text`. A zero with a sign is refused, because not every store
/// keeps that sign.
bool HoldsDecimal(const Column& column, std::string_view text);
/// Returns true if an ANY column would store `text` as a number because of its affinity. Such texts are
/// refused: '007' and '7' would become the same key.
bool IsStoredAsNumber(const Column& column, std::string_view text);
/// Returns true if TEXT or ANY holds `text`: UTF-8 without NUL, not longer than the column's length, and not
/// stored as something else.
bool HoldsText(const Column& column, std::string_view text);

inline constexpr char kChangesKind[] = "storing it would change its kind, by the column's affinity";

/// Return the reason why the column does not hold a value that the functions above refused.
std::string WhyNotInt(const Column& column, std::int64_t value);
std::string WhyNotReal(double value);
std::string WhyNotDecimal(const Column& column);
std::string WhyNotText(const Column& column, std::string_view text);
std::string WhyNotBytes(const Column& column);

}  // namespace mirror

#endif  // MIRROR_PROTO_WIRE_VALUE_RULES_H_
