#include "base/http/unfit_request.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

using Refusal = std::pair<int, std::string>;

std::size_t Count(const HttpHead& head, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(head.fields.begin(), head.fields.end(),
                                                [name](const auto& field) { return field.first == name; }));
}

/// The parser also takes a list of equal numbers, of which other programs take the first, or none.
bool IsOneNumber(std::string_view length) {
  return !length.empty() && std::all_of(length.begin(), length.end(), absl::ascii_isdigit);
}

}  // namespace

std::optional<std::pair<int, std::string>> WhyUnfit(const HttpHead& head, unsigned version) {
  if (version > 11) return Refusal(505, "This port speaks HTTP/1.1.");
  // A request of HTTP/1.0 may have no Host.
  if (const std::size_t hosts = Count(head, "host"); hosts > 1 || (hosts == 0 && version == 11))
    return Refusal(400, "A request names its Host once.");
  if (!head.path.starts_with('/')) return Refusal(400, "A request's target begins with '/'.");
  for (const HttpField& field : kHttpFields) {
    if (!field.may_repeat && Count(head, field.name) > 1)
      return Refusal(400, absl::StrCat("A request has one ", std::string(field.shown), "."));
  }
  const std::string* const length = head.Find(HttpFieldName::kContentLength);
  if (length != nullptr && !IsOneNumber(*length)) return Refusal(400, "A Content-Length is one number.");
  if (const std::string* const encoding = head.Find(HttpFieldName::kTransferEncoding)) {
    if (!absl::EqualsIgnoreCase(*encoding, "chunked") || version < 11 || length != nullptr)
      return Refusal(400, "The only Transfer-Encoding is 'chunked', without a Content-Length.");
  }
  const std::string* const content = head.Find(HttpFieldName::kContentEncoding);
  if (content != nullptr && !content->empty() && !absl::EqualsIgnoreCase(*content, "identity"))
    return Refusal(415, "A body is sent as it is, without a Content-Encoding.");
  const std::string* const expects = head.Find(HttpFieldName::kExpect);
  if (expects != nullptr && !expects->empty() && !absl::EqualsIgnoreCase(*expects, "100-continue"))
    return Refusal(417, "The only Expect is '100-continue'.");
  return std::nullopt;
}

}  // namespace mirror
