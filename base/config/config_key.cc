#include "base/config/config_key.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

template <typename T>
absl::Status Keep(T* target, const absl::StatusOr<std::chrono::milliseconds>& span) {
  if (span.ok()) *target = std::chrono::duration_cast<T>(*span);
  return span.status();
}

/// "127.0.0.1:7444", "mirror.example.org:7444", "[::1]:7444".
bool IsHostAndPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  int port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size()) return false;
  if (port < 1 || port > 65'535) return false;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  return !host.empty() && std::all_of(host.begin(), host.end(), [bracketed](char character) {
    const auto c = static_cast<unsigned char>(character);
    return absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_' ||
           (bracketed && (c == ':' || c == '%'));
  });
}

}  // namespace

Setter SetText(std::string* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    if (text->empty()) return given.Wrong("must not be empty");
    *target = *std::move(text);
    return absl::OkStatus();
  };
}

Setter SetPath(std::string* target, const std::filesystem::path& folder) {
  return [target, folder](const Given& given) {
    const absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    // A key's own text would be shown by whoever says that there is no such file.
    if (text->find_first_of("\n\r") != std::string::npos || absl::StrContains(*text, "-----BEGIN"))
      return given.Wrong("must be the path of a file, not the text in it");
    *target = text->empty() ? "" : (folder / *text).lexically_normal().string();
    if (target->size() > 1 && target->ends_with('/')) target->pop_back();
    return absl::OkStatus();
  };
}

Setter SetHostAndPort(std::string* target, const std::string& example) {
  return [target, example](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    if (!IsHostAndPort(*text)) {
      return given.Wrong(absl::StrCat("must be host:port, as ", example, ", not '", *text, "'"));
    }
    *target = *std::move(text);
    return absl::OkStatus();
  };
}

Setter SetTexts(std::vector<std::string>* target, ListRule rule) {
  return [target, rule](const Given& given) {
    absl::StatusOr<std::vector<std::string>> texts = AsTexts(given);
    if (!texts.ok()) return texts.status();
    if (rule == ListRule::kSome && texts->empty()) return given.Wrong("must name at least one");
    if (rule == ListRule::kNamed && std::find(texts->begin(), texts->end(), "") != texts->end()) {
      return given.Wrong("must hold texts that are not empty");
    }
    *target = *std::move(texts);
    return absl::OkStatus();
  };
}

Setter SetSomeOf(std::vector<std::string>* target, const std::vector<std::string>& known) {
  return [target, known](const Given& given) {
    std::vector<std::string> texts;
    if (absl::Status status = SetTexts(&texts, ListRule::kSome)(given); !status.ok()) return status;
    for (const std::string& text : texts) {
      if (absl::Status status = CheckOneOf(given, text, known); !status.ok()) return status;
    }
    *target = std::move(texts);
    return absl::OkStatus();
  };
}

Setter SetSpan(std::chrono::seconds* target, std::chrono::seconds low, std::chrono::seconds high) {
  return [=](const Given& given) { return Keep(target, AsSpan(given, low, high, std::chrono::seconds(1))); };
}

Setter SetSpan(std::chrono::milliseconds* target, std::chrono::milliseconds low,
               std::chrono::milliseconds high) {
  return [=](const Given& given) {
    return Keep(target, AsSpan(given, low, high, std::chrono::milliseconds(1)));
  };
}

Setter SetElsewhere() {
  return [](const Given&) { return absl::OkStatus(); };
}

Setter SetOneOf(std::string* target, const std::vector<std::string>& known) {
  return [target, known](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    absl::Status status = CheckOneOf(given, *text, known);
    if (status.ok()) *target = *std::move(text);
    return status;
  };
}

}  // namespace mirror
