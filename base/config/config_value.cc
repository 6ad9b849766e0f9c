#include "base/config/config_value.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/text/nearest_word.h"

namespace mirror {
namespace {

using Kind = ConfigNode::Kind;

struct Unit {
  const char* name;
  std::uint64_t size;
};
/// The largest first. A text without a unit has bytes, a time needs one.
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

/// "16 MiB" in the smallest unit. Absent: it is no number with one of these units, or more than `high`.
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

}  // namespace mirror
