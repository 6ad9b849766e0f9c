#include "base/text/config_key.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "base/text/nearest_word.h"

namespace mirror {
namespace {

using Kind = ConfigNode::Kind;

struct Unit {
  const char* name;
  std::uint64_t size;
};
/// Units, the largest first. A size without a unit is in bytes; a time must have a unit.
constexpr Unit kSizes[] = {{"GiB", 1U << 30}, {"GB", 1'000'000'000}, {"MiB", 1U << 20}, {"MB", 1'000'000},
                           {"KiB", 1U << 10}, {"KB", 1'000},         {"B", 1},          {"", 1}};
constexpr Unit kSpans[] = {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};

template <std::size_t N>
std::string Words(std::uint64_t number, const Unit (&units)[N], const char* nothing) {
  for (const Unit& unit : units) {
    if (number >= unit.size && number % unit.size == 0) return absl::StrCat(number / unit.size, unit.name);
  }
  return nothing;
}

std::string Trimmed(std::string text) {
  absl::StripAsciiWhitespace(&text);
  return text;
}

/// Converts a text such as "16 MiB" to a number of the smallest unit. Absent: it is not a number with one of
/// these units, or is over `high`.
template <std::size_t N>
std::optional<std::uint64_t> Measure(const std::string& written, const Unit (&units)[N], std::uint64_t high) {
  const std::string text = absl::AsciiStrToLower(Trimmed(written));
  const char* const end = text.data() + text.size();
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc{}) return std::nullopt;
  const std::string name = Trimmed(std::string(parsed.ptr, end));
  const auto* const unit = std::find_if(std::begin(units), std::end(units), [&name](const Unit& one) {
    return absl::AsciiStrToLower(one.name) == name;
  });
  if (unit == std::end(units) || number > high / unit->size) return std::nullopt;
  return number * unit->size;
}

bool IsWritten(const Given& given) {
  return given.node.kind == Kind::kText || given.node.kind == Kind::kVariable;
}

std::string NotKind(const Given& given) { return absl::StrCat(", not ", KindName(given.node.kind)); }

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

/// Returns true if each part between dots has a length that DNS allows; a dot may end the name.
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

/// Returns what is wrong with a host; empty: nothing. Names are not looked up.
std::string HostProblem(std::string_view host) {
  if (host.empty()) return "it has no host";
  if (host.front() == '[' || host.find(':') != std::string_view::npos) {
    const bool bracketed = host.front() == '[' && host.back() == ']';
    if (!bracketed) return "write an IPv6 address in brackets";
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

/// Returns what is wrong with an address such as "127.0.0.1:7444", "mirror.example.org:7444" or "[::1]:7444";
/// empty: nothing.
std::string HostAndPortProblem(std::string_view text) {
  if (text.find("://") != std::string_view::npos) return "leave out everything up to '://'";
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

absl::Status Given::Wrong(const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat(where, " ", what));
}

absl::StatusOr<std::string> AsText(const Given& given) {
  if (!IsWritten(given)) return given.Wrong("must be a text" + NotKind(given));
  if (given.node.text.find('\0') != std::string::npos) return given.Wrong("must not hold a NUL character");
  return given.node.text;
}

absl::StatusOr<bool> AsFlag(const Given& given) {
  const std::string words = "must be true or false";
  if (given.node.kind == Kind::kFlag) return given.node.flag;
  if (given.node.kind != Kind::kVariable) return given.Wrong(words + NotKind(given));
  const std::string text = Trimmed(given.node.text);
  if (text != "true" && text != "false") return given.Wrong(absl::StrCat(words, ", not '", text, "'"));
  return text == "true";
}

absl::StatusOr<std::int64_t> AsWhole(const Given& given, std::int64_t low, std::int64_t high) {
  const std::string range = absl::StrCat("must be a whole number from ", low, " to ", high);
  std::int64_t number = given.node.whole;
  if (given.node.kind == Kind::kVariable) {
    const std::string text = Trimmed(given.node.text);
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
      return given.Wrong(absl::StrCat(range, ", not '", text, "'"));
    }
  } else if (given.node.kind != Kind::kWhole) {
    return given.Wrong(range + NotKind(given));
  }
  if (number < low || number > high) return given.Wrong(absl::StrCat(range, ", not ", number));
  return number;
}

absl::StatusOr<std::uint64_t> AsSize(const Given& given, std::uint64_t low, std::uint64_t high) {
  const std::string range = absl::StrCat("must be a size from ", SizeWords(low), " to ", SizeWords(high),
                                         ": bytes, or a number with KB, MB, GB, KiB, MiB or GiB");
  const bool whole = given.node.kind == Kind::kWhole;
  if (!whole && !IsWritten(given)) return given.Wrong(range + NotKind(given));
  const std::string text = whole ? absl::StrCat(given.node.whole) : given.node.text;
  const std::optional<std::uint64_t> size = Measure(text, kSizes, high);
  if (!size || *size < low) return given.Wrong(absl::StrCat(range, ", not '", text, "'"));
  return *size;
}

absl::StatusOr<std::chrono::milliseconds> AsSpan(const Given& given, std::chrono::milliseconds low,
                                                 std::chrono::milliseconds high,
                                                 std::chrono::milliseconds step) {
  const auto words = [](std::chrono::milliseconds span) {
    return Words(static_cast<std::uint64_t>(span.count()), kSpans, "0s");
  };
  const std::string range = absl::StrCat("must be a time from ", words(low), " to ", words(high),
                                         step > std::chrono::milliseconds(1) ? " of whole seconds" : "",
                                         ", a whole number with ms, s, m, h or d");
  if (!IsWritten(given)) return given.Wrong(range + NotKind(given));
  const auto most = static_cast<std::uint64_t>(high.count());
  const std::optional<std::uint64_t> ms = Measure(given.node.text, kSpans, most);
  const std::chrono::milliseconds span(static_cast<std::int64_t>(ms.value_or(0)));
  if (!ms || span < low || span % step != std::chrono::milliseconds(0)) {
    return given.Wrong(absl::StrCat(range, ", not '", given.node.text, "'"));
  }
  return span;
}

absl::StatusOr<std::vector<std::string>> AsTexts(const Given& given) {
  std::vector<std::string> texts;
  if (given.node.kind == Kind::kVariable) {
    texts = absl::StrSplit(given.node.text, ',');
    for (std::string& text : texts) absl::StripAsciiWhitespace(&text);
    return texts;
  }
  if (given.node.kind != Kind::kList && given.node.kind != Kind::kBlocks) {
    return given.Wrong("must be a list of texts, as [\"a\", \"b\"]" + NotKind(given));
  }
  for (const ConfigNode& entry : given.node.entries) {
    absl::StatusOr<std::string> text = AsText({given.where, entry});
    if (!text.ok()) {
      return given.Wrong(absl::StrCat("must hold texts without NUL characters; entry ", texts.size() + 1,
                                      " is ", KindName(entry.kind)));
    }
    texts.push_back(*std::move(text));
  }
  return texts;
}

absl::Status CheckOneOf(const Given& given, const std::string& text, const std::vector<std::string>& known,
                        std::size_t* index) {
  const auto found = std::find(known.begin(), known.end(), text);
  if (found == known.end()) {
    const std::string near = NearestKnown(text, known);
    return given.Wrong(absl::StrCat("must be one of \"", absl::StrJoin(known, "\", \""), "\", not '", text,
                                    "'", near.empty() ? "" : absl::StrCat("; did you mean '", near, "'?")));
  }
  if (index != nullptr) *index = static_cast<std::size_t>(found - known.begin());
  return absl::OkStatus();
}

std::string NearestKnown(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t kLettersMin = 3;
  std::string nearest = NearestWord(word, known);
  if (!nearest.empty() || word.size() < kLettersMin) return nearest;
  for (const std::string& candidate : known) {
    if (word.starts_with(candidate) || candidate.starts_with(word)) return candidate;
  }
  return nearest;
}

std::string Suggestion(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = NearestKnown(word, known);
  return near.empty() ? absl::StrCat("; there are: ", absl::StrJoin(known, ", "))
                      : absl::StrCat("; did you mean '", near, "'?");
}

std::string SizeWords(std::uint64_t bytes) { return Words(bytes, kSizes, "0B"); }

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
    // The text may be a private key, and the error for a missing file would show it.
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
      return given.Wrong("must not hold an empty text");
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
    return given.Wrong("has no variable: it consists of blocks, which can be only in the file");
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
