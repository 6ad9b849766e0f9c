#include "base/db/postgres/lsn.h"

#include <charconv>

#include "absl/strings/str_cat.h"

namespace mirror::postgres {
namespace {

/// Parses one half of a position. The whole text must be one to eight hexadecimal digits.
bool ReadHalf(std::string_view text, std::uint64_t* half) {
  if (text.empty() || text.size() > 8) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *half, 16);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::string FormatLsn(std::uint64_t lsn) {
  std::string text = absl::StrCat(absl::Hex(lsn >> 32), "/", absl::Hex(lsn & 0xffff'ffff));
  for (char& c : text) {
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

absl::StatusOr<std::uint64_t> ParseLsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  std::uint64_t high = 0, low = 0;
  if (slash == std::string_view::npos || !ReadHalf(text.substr(0, slash), &high) ||
      !ReadHalf(text.substr(slash + 1), &low)) {
    return absl::InvalidArgumentError(
        "a position in PostgreSQL's log does not have the form '16/B374D848', two hexadecimal numbers");
  }
  return high << 32 | low;
}

}  // namespace mirror::postgres
