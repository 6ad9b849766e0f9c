#ifndef MIRROR_BASE_TEXT_CONFIG_KEY_H_
#define MIRROR_BASE_TEXT_CONFIG_KEY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/enum_words.h"
#include "base/status_macros.h"
#include "base/text/config_node.h"

// Rows of a table of keys: what a key is called, how its value is written, where it goes.

namespace mirror {

// How values are written, in every program and also in variables. Errors are kInvalidArgument; they begin
// with Given::where and say what is allowed.

/// A value, and how messages call it.
struct Given {
  std::string where;  ///< "mirror-agent.toml:12: [agent] 'window'" or "MIRROR_AGENT_WINDOW".
  const ConfigNode& node;

  absl::Status Wrong(const std::string& what) const;
};

/// Without NUL; it may be empty.
absl::StatusOr<std::string> AsText(const Given& given);
absl::StatusOr<bool> AsFlag(const Given& given);
absl::StatusOr<std::int64_t> AsWhole(const Given& given, std::int64_t low, std::int64_t high);
/// Bytes: a number, or a text as "1048576", "512 kb", "16MiB". KB, MB and GB are powers of 1000; upper and
/// lower case are the same, and blanks around and between number and unit say nothing.
absl::StatusOr<std::uint64_t> AsSize(const Given& given, std::uint64_t low, std::uint64_t high);
/// "500ms", "30s", "20 m", "2h", "7d"; upper and lower case and blanks as in a size. `step`: what it must be
/// a multiple of, a millisecond or a second.
absl::StatusOr<std::chrono::milliseconds> AsSpan(const Given& given, std::chrono::milliseconds low,
                                                 std::chrono::milliseconds high,
                                                 std::chrono::milliseconds step);
/// In a variable commas separate them, and the blanks around them say nothing.
absl::StatusOr<std::vector<std::string>> AsTexts(const Given& given);

/// OK when `text` is one of `known`; `index` is then which.
absl::Status CheckOneOf(const Given& given, const std::string& text, const std::vector<std::string>& known,
                        std::size_t* index = nullptr);

/// Of `known` the one that may be meant: a few letters are otherwise, or one begins with the other. Empty:
/// none.
std::string NearestKnown(std::string_view word, const std::vector<std::string>& known);
/// "; did you mean 'window'?", or all that there are when none is near.
std::string Suggestion(std::string_view word, const std::vector<std::string>& known);

/// "16MiB", "1GB": as a person writes it.
std::string SizeWords(std::uint64_t bytes);

/// Checks a value and keeps it. What it writes to outlives it, and is as it was when the value is refused.
using Setter = std::function<absl::Status(const Given&)>;

struct ConfigKey {
  std::string name;
  Setter set;
  const std::string* needed = nullptr;  ///< What must not be empty in the end; null: it may be.
};
using ConfigKeys = std::vector<ConfigKey>;

/// Not empty.
Setter SetText(std::string* target);
/// Seen from `folder`, without a slash at the end. "" says that there is none. A text of several lines is
/// refused and not shown: it may be a key.
Setter SetPath(std::string* target, const std::filesystem::path& folder);

/// host:port, "[::1]:7444" for IPv6; the port is 1 to 65535. A name is not looked up; a host of digits and
/// dots must be an IPv4 address. `example`: what a refusal shows.
Setter SetHostAndPort(std::string* target, const std::string& example);

enum class ListRule {
  kAny,    ///< Also an empty list, and empty texts.
  kSome,   ///< At least one text.
  kNamed,  ///< No empty text.
};
Setter SetTexts(std::vector<std::string>* target, ListRule rule);
/// At least one, each one of `known`.
Setter SetSomeOf(std::vector<std::string>* target, const std::vector<std::string>& known);

Setter SetSpan(std::chrono::seconds* target, std::chrono::seconds low, std::chrono::seconds high);
Setter SetSpan(std::chrono::milliseconds* target, std::chrono::milliseconds low,
               std::chrono::milliseconds high);
/// Read in another place, by ConfigTable::Blocks().
Setter SetElsewhere();

namespace config_internal {
template <typename T>
struct Plain {
  using Type = T;
};
template <typename T>
struct Plain<std::optional<T>> {
  using Type = T;
};
}  // namespace config_internal

/// `T`: bool, or std::optional of it.
template <typename T>
Setter SetFlag(T* target) {
  return [target](const Given& given) {
    const absl::StatusOr<bool> value = AsFlag(given);
    if (value.ok()) *target = *value;
    return value.status();
  };
}

/// `T`: a whole number that holds `low` to `high`, or std::optional of one.
template <typename T>
Setter SetWhole(T* target, std::int64_t low, std::int64_t high) {
  return [target, low, high](const Given& given) {
    const absl::StatusOr<std::int64_t> value = AsWhole(given, low, high);
    if (value.ok()) *target = static_cast<typename config_internal::Plain<T>::Type>(*value);
    return value.status();
  };
}

/// `T`: a whole number that holds `low` to `high`.
template <typename T>
Setter SetSize(T* target, std::uint64_t low, std::uint64_t high) {
  return [target, low, high](const Given& given) {
    const absl::StatusOr<std::uint64_t> size = AsSize(given, low, high);
    if (size.ok()) *target = static_cast<T>(*size);
    return size.status();
  };
}

/// As milliseconds. `T`: std::int64_t, or std::optional of it.
template <typename T>
Setter SetMilliseconds(T* target, std::chrono::milliseconds low, std::chrono::milliseconds high) {
  return [target, low, high](const Given& given) {
    const absl::StatusOr<std::chrono::milliseconds> span =
        AsSpan(given, low, high, std::chrono::milliseconds(1));
    if (span.ok()) *target = span->count();
    return span.status();
  };
}

/// `known`: the words, and what each means. `T`: that, or std::optional of it.
template <typename T>
Setter SetOneOf(T* target, const EnumWords<typename config_internal::Plain<T>::Type>& known) {
  std::vector<std::string> words;
  for (const auto& [word, meaning] : known) words.push_back(word);
  return [target, known, words](const Given& given) {
    ASSIGN_OR_RETURN(const std::string text, AsText(given));
    std::size_t index = 0;
    absl::Status status = CheckOneOf(given, text, words, &index);
    if (status.ok()) *target = known[index].second;
    return status;
  };
}
/// The word itself is kept.
Setter SetOneOf(std::string* target, const std::vector<std::string>& known);

/// An inline table, as { id = "integer" }, whose values `set` keeps. `shown`: what it must be a table of.
template <typename T>
Setter SetEach(std::map<std::string, T>* target, const std::string& shown,
               const std::function<Setter(T*)>& set) {
  return [target, shown, set](const Given& given) -> absl::Status {
    if (given.node.kind != ConfigNode::Kind::kTable) {
      return given.Wrong("must be a table of " + shown + ", not " + KindName(given.node.kind));
    }
    std::map<std::string, T> all;
    for (const ConfigNode& entry : given.node.entries) {
      RETURN_IF_ERROR(set(&all[entry.name])({given.where + " '" + entry.name + "'", entry}));
    }
    *target = std::move(all);
    return absl::OkStatus();
  };
}

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_CONFIG_KEY_H_
