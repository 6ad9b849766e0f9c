#include "server/hub/postgres/golden_text.h"

#include <cstddef>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "proto/wire/exchange/value_json.h"

namespace mirror {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::size_t LengthOf(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

std::string TextForPostgres(std::string_view text) {
  if (IsText(text)) return std::string(text);
  std::string mended;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, LengthOf(text.front()));
    const bool is_one = IsText(one);
    mended += is_one ? one : kReplacement;
    text.remove_prefix(is_one ? one.size() : 1);
  }
  return mended;
}

std::optional<std::string> GoldenText(const Literal& value) {
  if (std::holds_alternative<Null>(value)) return std::nullopt;
  if (const auto* text = std::get_if<std::string>(&value)) return TextForPostgres(*text);
  if (const auto* bytes = std::get_if<Bytes>(&value)) {
    return absl::StrCat("\\x", absl::BytesToHexString(bytes->value));
  }
  return ValueJson(value);
}

}  // namespace mirror
