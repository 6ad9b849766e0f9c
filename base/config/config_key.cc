#include "base/config/config_key.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

template <typename T>
absl::Status Keep(T* target, const absl::StatusOr<std::chrono::milliseconds>& span) {
  if (span.ok()) *target = std::chrono::duration_cast<T>(*span);
  return span.status();
}

bool IsAddress(int family, std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> address = {};
  return inet_pton(family, std::string(text).c_str(), address.data()) == 1;
}

bool IsPlainName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char character) {
    return absl::ascii_isalnum(static_cast<unsigned char>(character)) || character == '.' ||
           character == '-' || character == '_';
  });
}

/// Whether each part between dots has a length that DNS takes; a dot may end the name.
bool HasLabels(std::string_view name) {
  static constexpr std::size_t kLabelBytesMax = 63;
  if (name.ends_with('.')) name.remove_suffix(1);
  for (;;) {
    const std::size_t end = std::min(name.find('.'), name.size());
    if (end == 0 || end > kLabelBytesMax) return false;
    if (end == name.size()) return true;
    name.remove_prefix(end + 1);
  }
}

/// What is wrong with the host; empty: nothing. A name is not looked up.
std::string HostProblem(std::string_view host) {
  if (host.empty()) return "it has no host";
  if (host.front() == '[' || host.find(':') != std::string_view::npos) {
    const bool bracketed = host.front() == '[' && host.back() == ']';
    if (!bracketed) return "an IPv6 address stands in brackets";
    host = host.substr(1, host.size() - 2);
    const std::size_t percent = host.find('%');
    const bool names_interface = percent == std::string_view::npos || IsPlainName(host.substr(percent + 1));
    if (names_interface && IsAddress(AF_INET6, host.substr(0, percent))) return "";
    return absl::StrCat("'", std::string(host), "' is not an IPv6 address");
  }
  if (!IsPlainName(host)) return "a host has only letters, digits, '.', '-' and '_'";
  const bool is_number = host.find_first_not_of("0123456789.") == std::string_view::npos;
  if (!is_number && !HasLabels(host)) return "each part of a host's name has 1 to 63 characters";
  if (!is_number || IsAddress(AF_INET, host)) return "";
  return absl::StrCat("'", std::string(host),
                      "' is not an IPv4 address, which has four numbers from 0 to 255");
}

/// What is wrong with "127.0.0.1:7444", "mirror.example.org:7444" or "[::1]:7444"; empty: nothing.
std::string HostAndPortProblem(std::string_view text) {
  if (text.find("://") != std::string_view::npos) return "leave out what stands up to '://'";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.back() == ']') return "it has no port";
  if (std::string problem = HostProblem(text.substr(0, colon)); !problem.empty()) return problem;
  const std::string_view digits = text.substr(colon + 1);
  int port = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool is_number = parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size();
  return is_number && port >= 1 && port <= 65'535 ? "" : "the port must be a number from 1 to 65535";
}

}  // namespace

Setter SetText(std::string* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    if (text.empty()) return given.Wrong("must not be empty");
    *target = std::move(text);
    return absl::OkStatus();
  };
}

Setter SetPath(std::string* target, const std::filesystem::path& folder) {
  return [target, folder](const Given& given) {
    ASSIGN_OR_RETURN(const std::string text, AsText(given));
    // A key's own text would be shown by whoever says that there is no such file.
    if (text.find_first_of("\n\r") != std::string::npos || absl::StrContains(text, "-----BEGIN"))
      return given.Wrong("must be the path of a file, not the text in it");
    *target = text.empty() ? "" : (folder / text).lexically_normal().string();
    if (target->size() > 1 && target->ends_with('/')) target->pop_back();
    return absl::OkStatus();
  };
}

Setter SetHostAndPort(std::string* target, const std::string& example) {
  return [target, example](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    if (const std::string problem = HostAndPortProblem(text); !problem.empty()) {
      return given.Wrong(absl::StrCat("must be host:port, as ", example, ", not '", text, "': ", problem));
    }
    *target = std::move(text);
    return absl::OkStatus();
  };
}

Setter SetTexts(std::vector<std::string>* target, ListRule rule) {
  return [target, rule](const Given& given) {
    ASSIGN_OR_RETURN(std::vector<std::string> texts, AsTexts(given));
    if (rule == ListRule::kSome && texts.empty()) return given.Wrong("must name at least one");
    if (rule == ListRule::kNamed && std::find(texts.begin(), texts.end(), "") != texts.end()) {
      return given.Wrong("must hold texts that are not empty");
    }
    *target = std::move(texts);
    return absl::OkStatus();
  };
}

Setter SetSomeOf(std::vector<std::string>* target, const std::vector<std::string>& known) {
  return [target, known](const Given& given) {
    std::vector<std::string> texts;
    RETURN_IF_ERROR(SetTexts(&texts, ListRule::kSome)(given));
    for (const std::string& text : texts) {
      RETURN_IF_ERROR(CheckOneOf(given, text, known));
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
  return [](const Given& given) {
    if (given.node.kind != ConfigNode::Kind::kVariable) return absl::OkStatus();
    return given.Wrong("has no variable: it is blocks, which stand in the file alone");
  };
}

Setter SetOneOf(std::string* target, const std::vector<std::string>& known) {
  return [target, known](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    absl::Status status = CheckOneOf(given, text, known);
    if (status.ok()) *target = std::move(text);
    return status;
  };
}

}  // namespace mirror
