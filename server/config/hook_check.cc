#include "server/config/hook_check.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"

namespace mirror {

absl::StatusOr<HookUrl> ParseHookUrl(const std::string& url) {
  const absl::Status wrong = absl::InvalidArgumentError(
      "must be a URL as \"https://example.org/path\", without a user and a password");
  const std::size_t scheme = url.find("://");
  if (!absl::StartsWith(url, "https://") && !absl::StartsWith(url, "http://")) return wrong;
  const std::size_t host = scheme + 3;
  const std::size_t slash = url.find_first_of("/?#", host);
  const std::string authority = url.substr(host, slash == std::string::npos ? slash : slash - host);
  const bool plain = std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (authority.empty() || authority.find('@') != std::string::npos || !plain) return wrong;
  if (slash != std::string::npos && url[slash] != '/') return wrong;
  return HookUrl{url.substr(0, host) + authority, slash == std::string::npos ? "/" : url.substr(slash)};
}

absl::Status CheckHookSql(const std::string& sql) {
  if (sqlite::IsCompleteSql(absl::StrCat(sql, ";")) && !absl::StripAsciiWhitespace(sql).empty()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("must be whole SQL statements");
}

}  // namespace mirror
