#include "server/journal/journal_entry.h"

#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace mirror {
namespace {

constexpr std::size_t kSaltDigits = 16;

}  // namespace

std::string ToString(const JournalToken& token) {
  if (token.number == 0) return "0";
  return absl::StrFormat("%d.%016x", token.number, static_cast<std::uint64_t>(token.salt));
}

absl::StatusOr<JournalToken> ParseJournalToken(std::string_view text) {
  if (text == "0") return JournalToken{};
  const absl::Status wrong = absl::InvalidArgumentError(
      "the token does not come from a list of changes. Nothing was read. Take 'next' of the last list, or "
      "begin without a token.");
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || text.size() - dot - 1 != kSaltDigits) return wrong;
  const std::string number(text.substr(0, dot));
  std::uint64_t salt = 0;
  for (const char digit : text.substr(dot + 1)) {
    const bool is_number = digit >= '0' && digit <= '9';
    if (!is_number && !(digit >= 'a' && digit <= 'f')) return wrong;
    salt = salt << 4 | static_cast<std::uint64_t>(is_number ? digit - '0' : digit - 'a' + 10);
  }
  JournalToken token{.salt = static_cast<std::int64_t>(salt)};
  if (!absl::SimpleAtoi(number, &token.number) || token.number < 1 || number != absl::StrCat(token.number)) {
    return wrong;
  }
  return token;
}

std::string PackColumnList(const std::vector<std::string>& names) { return nlohmann::json(names).dump(); }

std::vector<std::string> UnpackColumnList(std::string_view text) {
  const nlohmann::json list = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> names;
  if (!list.is_array()) return names;
  for (const nlohmann::json& name : list) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

std::string_view ToString(JournalOperation operation) {
  static constexpr std::array<std::string_view, 8> kNames = {"UNKNOWN", "INSERT",    "UPDATE",  "DELETE",
                                                             "HEAD",    "POPULATED", "COMPARE", "GONE"};
  const auto number = static_cast<std::size_t>(operation);
  return number < kNames.size() ? kNames[number] : kNames[0];
}

}  // namespace mirror
