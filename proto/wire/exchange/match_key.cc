#include "proto/wire/exchange/match_key.h"

#include <cmath>
#include <cstdint>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "proto/wire/exchange/caseless_text.h"
#include "proto/wire/json/json_rows.h"

namespace mirror {
namespace {

/// All of it; a whole number as an integer, which another system may have it as.
std::string TextOf(double value) {
  constexpr double kExactBelow = 9'007'199'254'740'992.0;  // 2^53
  if (std::abs(value) < kExactBelow && value == std::trunc(value)) {
    return absl::StrCat(static_cast<std::int64_t>(value));
  }
  std::string text;
  AppendReal(value, &text);
  return text;
}

std::string TextOf(const Literal& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return absl::StrCat(*integer);
  if (const auto* real = std::get_if<double>(&value)) return TextOf(*real);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* bytes = std::get_if<Bytes>(&value)) return absl::BytesToHexString(bytes->value);
  return "";
}

}  // namespace

std::optional<Normalise> NormaliseOf(std::string_view word) {
  if (word == "fold") return Normalise::kFold;
  if (word == "alnum") return Normalise::kAlnum;
  return std::nullopt;
}

std::string NormaliseValue(Normalise how, const Literal& value) {
  std::string text = TextOf(value);
  if (!CountUtf8(text)) return "";
  if (how == Normalise::kNone) return text;
  return CaselessText(
      text, how == Normalise::kAlnum ? ComparedPart::kLettersAndDigits : ComparedPart::kWithoutOuterBlanks);
}

}  // namespace mirror
