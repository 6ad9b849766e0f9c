#include "proto/wire/exchange/match_key.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "proto/wire/json_rows.h"

namespace mirror {
namespace {

/// Returns all digits; a whole number is written as an integer, since another system may store it as one.
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

using CodePoints = std::vector<utf8proc_int32_t>;

utf8proc_option_t Options(int options) { return static_cast<utf8proc_option_t>(options); }

/// Decomposes a text, with its marks in Unicode's order. Empty: the text is not UTF-8.
CodePoints Decompose(std::string_view text, int options) {
  const auto* const bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto size = static_cast<utf8proc_ssize_t>(text.size());
  CodePoints points;
  utf8proc_ssize_t count = size;
  utf8proc_ssize_t room = 0;
  do {
    room = count;
    points.resize(static_cast<std::size_t>(room));
    count = utf8proc_decompose(bytes, size, points.data(), room, Options(options | UTF8PROC_DECOMPOSE));
  } while (count > room);
  points.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return points;
}

/// Writes code points as UTF-8; with `compose`, composes their marks first.
std::string TextOf(CodePoints points, bool compose) {
  auto count = static_cast<utf8proc_ssize_t>(points.size());
  if (compose) {
    count = utf8proc_normalize_utf32(points.data(), count, Options(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  }
  std::string text;
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    std::array<utf8proc_uint8_t, 4> bytes;
    const utf8proc_ssize_t size = utf8proc_encode_char(points[static_cast<std::size_t>(i)], bytes.data());
    text.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size));
  }
  return text;
}

bool IsBlank(utf8proc_int32_t point) {
  constexpr utf8proc_int32_t kNextLine = 0x85;
  if ((point >= '\t' && point <= '\r') || point == kNextLine) return true;
  const utf8proc_category_t category = utf8proc_category(point);
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
         category == UTF8PROC_CATEGORY_ZP;
}

void Trim(CodePoints* points) {
  points->erase(points->begin(), std::find_if_not(points->begin(), points->end(), IsBlank));
  points->erase(std::find_if_not(points->rbegin(), points->rend(), IsBlank).base(), points->end());
}

/// Removes all other characters. A mark belongs to the character before it, and is removed with it.
void KeepLettersAndDigits(CodePoints* points) {
  bool keeps = false;
  const auto is_left_out = [&](utf8proc_int32_t point) {
    switch (utf8proc_category(point)) {
      case UTF8PROC_CATEGORY_MN:
      case UTF8PROC_CATEGORY_MC:
      case UTF8PROC_CATEGORY_ME:
        break;
      case UTF8PROC_CATEGORY_LU:
      case UTF8PROC_CATEGORY_LL:
      case UTF8PROC_CATEGORY_LT:
      case UTF8PROC_CATEGORY_LM:
      case UTF8PROC_CATEGORY_LO:
      case UTF8PROC_CATEGORY_ND:
      case UTF8PROC_CATEGORY_NL:
      case UTF8PROC_CATEGORY_NO:
        keeps = true;
        break;
      default:
        keeps = false;
    }
    return !keeps;
  };
  CodePoints kept;
  std::copy_if(points->begin(), points->end(), std::back_inserter(kept),
               [&](utf8proc_int32_t point) { return !is_left_out(point); });
  *points = std::move(kept);
}

/// Does the same as CaselessText() for an ASCII text, the most frequent case.
std::string CaselessAscii(std::string_view text, ComparedPart part) {
  std::string compared;
  if (part == ComparedPart::kLettersAndDigits) {
    std::copy_if(text.begin(), text.end(), std::back_inserter(compared), absl::ascii_isalnum);
  } else {
    while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
    while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
    compared = std::string(text);
  }
  absl::AsciiStrToLower(&compared);
  return compared;
}

}  // namespace

std::string NormaliseValue(Normalise how, const Literal& value) {
  std::string text = TextOf(value);
  if (!CountUtf8(text)) return "";
  if (how == Normalise::kNone) return text;
  return CaselessText(
      text, how == Normalise::kAlnum ? ComparedPart::kLettersAndDigits : ComparedPart::kWithoutOuterBlanks);
}

std::string CaselessText(std::string_view text, ComparedPart part) {
  if (IsAscii(text)) return CaselessAscii(text, part);
  // Unicode's canonical caseless matching (definition D145): marks get their order before case is folded.
  const std::string ordered = TextOf(Decompose(text, UTF8PROC_IGNORE), /*compose=*/false);
  CodePoints points = Decompose(ordered, UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
  if (part == ComparedPart::kLettersAndDigits) {
    KeepLettersAndDigits(&points);
  } else {
    Trim(&points);
  }
  return TextOf(std::move(points), /*compose=*/true);
}

}  // namespace mirror
