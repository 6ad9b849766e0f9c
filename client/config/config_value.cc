#include "client/config/config_value.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"

namespace mirror {
namespace {

/// Number of single-character edits between two words.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// The one that may be meant; empty: none is near.
std::string Nearest(std::string_view word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    const std::size_t d = Distance(word, candidate);
    if (d >= distance) continue;
    distance = d;
    best = candidate;
  }
  return best;
}

}  // namespace

std::string KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

absl::StatusOr<std::string> AsText(const Given& given) {
  std::string text = given.text;
  if (given.node != nullptr) {
    const auto* value = given.node->as_string();
    if (value == nullptr) return given.Wrong(absl::StrCat("must be a text, not ", KindOf(*given.node)));
    text = value->get();
  }
  if (text.empty()) return given.Wrong("must not be empty; leave the key out instead");
  if (text.find('\0') != std::string::npos) return given.Wrong("must not hold a NUL character");
  return text;
}

absl::StatusOr<bool> AsBool(const Given& given) {
  if (given.node != nullptr) {
    const auto* value = given.node->as_boolean();
    if (value == nullptr)
      return given.Wrong(absl::StrCat("must be true or false, not ", KindOf(*given.node)));
    return value->get();
  }
  if (given.text == "true") return true;
  if (given.text == "false") return false;
  return given.Wrong(absl::StrCat("must be true or false, not '", given.text, "'"));
}

absl::StatusOr<std::int64_t> AsNumber(const Given& given, std::int64_t low, std::int64_t high) {
  const std::string range = absl::StrCat("must be a whole number from ", low, " to ", high);
  std::int64_t number = 0;
  if (given.node != nullptr) {
    const auto* value = given.node->as_integer();
    if (value == nullptr) return given.Wrong(absl::StrCat(range, ", not ", KindOf(*given.node)));
    number = value->get();
  } else {
    const char* end = given.text.data() + given.text.size();
    const auto parsed = std::from_chars(given.text.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end) {
      return given.Wrong(absl::StrCat(range, ", not '", given.text, "'"));
    }
  }
  if (number < low || number > high) return given.Wrong(absl::StrCat(range, ", not ", number));
  return number;
}

absl::StatusOr<std::int64_t> AsDuration(const Given& given, const TimeSpan& low, const TimeSpan& high) {
  const std::string range = absl::StrCat("must be a time from \"", low.text, "\" to \"", high.text,
                                         "\", as \"20m\" (ms, s, m, h, d)");
  const absl::StatusOr<std::string> text = AsText(given);
  if (!text.ok()) return given.Wrong(range);
  static const std::map<std::string, std::int64_t, std::less<>> kUnits = {
      {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  std::int64_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  const auto unit = kUnits.find(std::string_view(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr)));
  if (parsed.ec != std::errc{} || unit == kUnits.end() || number < 0 || number > high.ms / unit->second ||
      number * unit->second < low.ms) {
    return given.Wrong(absl::StrCat(range, ", not '", *text, "'"));
  }
  return number * unit->second;
}

absl::StatusOr<std::uint64_t> AsBytes(const Given& given, std::uint64_t low, std::uint64_t high) {
  const std::string range =
      absl::StrCat("must be a size from ", low / 1000, "KB to ", high / 1'000'000, "MB, as \"1MB\"");
  if (given.node != nullptr && given.node->is_integer()) {
    const std::int64_t number = given.node->as_integer()->get();
    if (number < static_cast<std::int64_t>(low) || number > static_cast<std::int64_t>(high)) {
      return given.Wrong(absl::StrCat(range, ", not ", number));
    }
    return static_cast<std::uint64_t>(number);
  }
  const absl::StatusOr<std::string> text = AsText(given);
  if (!text.ok()) return given.Wrong(range);
  std::uint64_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  static const std::map<std::string, std::uint64_t, std::less<>> kUnits = {
      {"", 1}, {"B", 1}, {"KB", 1'000}, {"MB", 1'000'000}, {"KIB", 1 << 10}, {"MIB", 1 << 20}};
  const std::string name = absl::AsciiStrToUpper(std::string(parsed.ptr, end));
  const auto unit = kUnits.find(name);
  if (parsed.ec != std::errc{} || unit == kUnits.end() || number > high / unit->second ||
      number * unit->second < low) {
    return given.Wrong(absl::StrCat(range, ", not '", *text, "'"));
  }
  return number * unit->second;
}

absl::StatusOr<std::vector<std::string>> AsTexts(const Given& given) {
  const toml::array* list = given.node->as_array();
  if (list == nullptr) {
    return given.Wrong(absl::StrCat("must be a list of texts, as [\"log_*\"], not ", KindOf(*given.node)));
  }
  std::vector<std::string> texts;
  for (const toml::node& entry : *list) {
    const auto* text = entry.as_string();
    if (text == nullptr || text->get().empty()) {
      return given.Wrong(
          absl::StrCat("must hold texts that are not empty; entry ", texts.size() + 1, " is not"));
    }
    texts.push_back(text->get());
  }
  return texts;
}

Setter SetText(std::string* target) {
  return [target](const Given& given) {
    auto value = AsText(given);
    if (!value.ok()) return value.status();
    *target = *std::move(value);
    return absl::OkStatus();
  };
}

Setter SetDuration(std::int64_t* target_ms, const TimeSpan& low, const TimeSpan& high) {
  return [target_ms, &low, &high](const Given& given) {
    const auto value = AsDuration(given, low, high);
    if (!value.ok()) return value.status();
    *target_ms = *value;
    return absl::OkStatus();
  };
}

Setter SetPath(std::string* target, const std::filesystem::path& folder) {
  return [target, folder](const Given& given) {
    auto value = AsText(given);
    if (!value.ok()) return value.status();
    *target = (folder / *value).lexically_normal().string();
    if (target->size() > 1 && target->ends_with('/')) target->pop_back();
    return absl::OkStatus();
  };
}

Setter SetOptionalPath(std::string* target, const std::filesystem::path& folder) {
  return [target, folder](const Given& given) {
    const bool none =
        given.node != nullptr && given.node->is_string() && given.node->as_string()->get().empty();
    if (none) {
      target->clear();
      return absl::OkStatus();
    }
    return SetPath(target, folder)(given);
  };
}

Setter SetFlag(bool* target) {
  return [target](const Given& given) {
    const auto value = AsBool(given);
    if (!value.ok()) return value.status();
    *target = *value;
    return absl::OkStatus();
  };
}

Setter SetTexts(std::vector<std::string>* target) {
  return [target](const Given& given) {
    auto value = AsTexts(given);
    if (!value.ok()) return value.status();
    *target = *std::move(value);
    return absl::OkStatus();
  };
}

Setter SetOneOf(const std::vector<std::string>& known, std::string* target) {
  return [known, target](const Given& given) {
    auto value = AsText(given);
    if (!value.ok()) return value.status();
    if (std::find(known.begin(), known.end(), *value) == known.end()) {
      std::vector<std::string> quoted;
      for (const std::string& one : known) quoted.push_back(absl::StrCat("\"", one, "\""));
      const std::string near = Nearest(*value, known);
      return given.Wrong(absl::StrCat("must be one of ", absl::StrJoin(quoted, ", "), ", not '", *value, "'",
                                      near.empty() ? "" : absl::StrCat("; did you mean '", near, "'?")));
    }
    *target = *std::move(value);
    return absl::OkStatus();
  };
}

absl::Status SetAll(const std::string& file, const toml::table& table, const std::string& name,
                    const ConfigKeys& keys) {
  std::vector<std::string> known;
  for (const ConfigKey& key : keys) known.push_back(key.name);
  for (const auto& [key, node] : table) {
    const auto found = std::find(known.begin(), known.end(), key.str());
    const std::string where =
        absl::StrCat(file, ":", key.source().begin.line, ": [", name, "] '", std::string(key.str()), "'");
    if (found == known.end()) {
      return absl::InvalidArgumentError(absl::StrCat(where, " is not a key", Suggest(key.str(), known)));
    }
    const Given given{where, &node, ""};
    const auto index = static_cast<std::size_t>(found - known.begin());
    if (absl::Status status = keys[index].set(given); !status.ok()) return status;
  }
  return absl::OkStatus();
}

std::string Suggest(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = Nearest(word, known);
  return near.empty() ? absl::StrCat("; there are: ", absl::StrJoin(known, ", "))
                      : absl::StrCat("; did you mean '", near, "'?");
}

}  // namespace mirror
