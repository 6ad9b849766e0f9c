#include "base/http/message.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "base/utf8.h"

namespace mirror {
namespace {

constexpr std::size_t kParametersMax = 1'000;

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("The request's target ", std::string(what), "."));
}

std::optional<int> HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return std::nullopt;
}

absl::StatusOr<std::string> Decoded(std::string_view text, bool is_query) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char byte = text[i];
    if (byte == '%') {
      const std::optional<int> high = i + 2 < text.size() ? HexDigit(text[i + 1]) : std::nullopt;
      const std::optional<int> low = i + 2 < text.size() ? HexDigit(text[i + 2]) : std::nullopt;
      if (!high || !low) return Wrong("has a '%' without two hexadecimal digits");
      byte = static_cast<char>(*high * 16 + *low);
      if (byte == '/' && !is_query) return Wrong("has an encoded '/' (%2F) in its path");
      i += 2;
    } else if (byte == '+' && is_query) {
      byte = ' ';
    }
    const auto code = static_cast<unsigned char>(byte);
    if (code < 0x20 || code == 0x7f) return Wrong("holds a control character");
    decoded += byte;
  }
  if (!IsText(decoded)) return Wrong("is not UTF-8");
  return decoded;
}

}  // namespace

static_assert(std::size(kHttpFields) == static_cast<std::size_t>(HttpFieldName::kApiKey) + 1);

const std::string* HttpHead::Find(HttpFieldName name) const {
  const std::string_view wanted = kHttpFields[static_cast<std::size_t>(name)].name;
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [wanted](const auto& field) { return field.first == wanted; });
  return found == fields.end() ? nullptr : &found->second;
}

HttpAnswer HttpDoor::Refuse(int status, std::string_view words) const {
  return {status, "text/plain", absl::StrCat(std::string(words), "\n")};
}

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kOutOfRange:
      return 413;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

std::vector<std::string> HttpTarget::All(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : query) {
    if (key == name) values.push_back(value);
  }
  return values;
}

absl::StatusOr<HttpTarget> ParseHttpTarget(std::string_view path, std::string_view query) {
  HttpTarget target;
  if (path.empty() || path.front() != '/') return Wrong("does not begin with '/'");
  if (path.size() > 1) {
    const std::vector<std::string> segments = absl::StrSplit(std::string(path.substr(1)), '/');
    for (const std::string& segment : segments) {
      ASSIGN_OR_RETURN(std::string decoded, Decoded(segment, /*is_query=*/false));
      if (decoded.empty() || decoded == "." || decoded == "..")
        return Wrong("has a part of its path that is empty, '.' or '..'");
      target.segments.push_back(std::move(decoded));
    }
  }
  const std::vector<std::string> parameters = absl::StrSplit(std::string(query), '&', absl::SkipEmpty());
  for (const std::string& parameter : parameters) {
    const std::size_t equals = parameter.find('=');
    ASSIGN_OR_RETURN(std::string key, Decoded(parameter.substr(0, equals), /*is_query=*/true));
    ASSIGN_OR_RETURN(
        std::string value,
        Decoded(equals == std::string::npos ? "" : parameter.substr(equals + 1), /*is_query=*/true));
    if (target.query.size() == kParametersMax) return Wrong("has over 1,000 parameters");
    target.query.emplace_back(std::move(key), std::move(value));
  }
  return target;
}

}  // namespace mirror
