#include "proto/wire/exchange/match_key.h"

#include <clocale>
#include <cmath>
#include <cstdint>
#include <cwctype>
#include <memory>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "proto/wire/json/json_rows.h"

namespace mirror {
namespace {

// Case as Unicode has it, whatever the process's own locale is. C.UTF-8 is a part of the C library.
locale_t Unicode() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

// The character that begins at `*at` of a text in UTF-8; moves on behind it.
wint_t TakeCharacter(std::string_view text, std::size_t* at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte((*at)++);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  wint_t character = first & (0x3FU >> static_cast<unsigned>(more));
  for (int i = 0; i < more; ++i) character = character << 6U | (byte((*at)++) & 0x3FU);
  return character;
}

void AppendCharacter(wint_t character, std::string* text) {
  const auto put = [&](unsigned byte) { text->push_back(static_cast<char>(byte)); };
  if (character < 0x80) return put(character);
  if (character < 0x800) {
    put(0xC0U | character >> 6U);
  } else {
    if (character < 0x10000) {
      put(0xE0U | character >> 12U);
    } else {
      put(0xF0U | character >> 18U);
      put(0x80U | (character >> 12U & 0x3FU));
    }
    put(0x80U | (character >> 6U & 0x3FU));
  }
  put(0x80U | (character & 0x3FU));
}

std::string Fold(std::string_view text, bool letters_and_digits_alone) {
  std::string folded;
  folded.reserve(text.size());
  std::size_t end = 0;  // Behind the last character that is no blank.
  for (std::size_t at = 0; at < text.size();) {
    const wint_t character = TakeCharacter(text, &at);
    const bool blank = character == 0xA0 || iswspace_l(character, Unicode()) != 0;
    if (letters_and_digits_alone ? iswalnum_l(character, Unicode()) == 0 : blank && folded.empty()) continue;
    AppendCharacter(towlower_l(character, Unicode()), &folded);
    if (!blank) end = folded.size();
  }
  folded.resize(end);
  return folded;
}

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
  return Fold(text, how == Normalise::kAlnum);
}

}  // namespace mirror
