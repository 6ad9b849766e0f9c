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

// Rows of a table of keys: the key's name, the form of its value, and its target.

namespace mirror {

// The functions below read values of files and variables, for every program. Errors are kInvalidArgument;
// they begin with Given::where and say what is allowed.

/// A value, and its name in messages.
struct Given {
  std::string where;  ///< Such as "mirror-agent.toml:12: [agent] 'window'" or "MIRROR_AGENT_WINDOW".
  const ConfigNode& node;

  absl::Status Wrong(const std::string& what) const;
};

/// Returns a text without NUL; it may be empty.
absl::StatusOr<std::string> AsText(const Given& given);
absl::StatusOr<bool> AsFlag(const Given& given);
absl::StatusOr<std::int64_t> AsWhole(const Given& given, std::int64_t low, std::int64_t high);
/// Returns bytes from a number, or a text such as "1048576", "512 kb", "16MiB". KB, MB and GB are powers of
/// 1000. Case is ignored, and so are blanks around the number and the unit.
absl::StatusOr<std::uint64_t> AsSize(const Given& given, std::uint64_t low, std::uint64_t high);
/// Returns a duration from a text such as "500ms", "30s", "20 m", "2h" or "7d". Case and blanks are ignored
/// as in a size. The value must be a multiple of `step`: a millisecond or a second.
absl::StatusOr<std::chrono::milliseconds> AsSpan(const Given& given, std::chrono::milliseconds low,
                                                 std::chrono::milliseconds high,
                                                 std::chrono::milliseconds step);
/// Returns the texts of a list. In a variable, commas separate the texts, and blanks around commas are
/// ignored.
absl::StatusOr<std::vector<std::string>> AsTexts(const Given& given);

/// Returns OK if `text` is one of `known`, and sets `index` to its position.
absl::Status CheckOneOf(const Given& given, const std::string& text, const std::vector<std::string>& known,
                        std::size_t* index = nullptr);

/// Returns the word of `known` that is probably meant: it differs in a few letters, or one of the two begins
/// with the other. Empty: there is none.
std::string NearestKnown(std::string_view word, const std::vector<std::string>& known);
/// Returns "; did you mean 'window'?", or all known words if none is similar.
std::string Suggestion(std::string_view word, const std::vector<std::string>& known);

/// Formats a size as a person writes it: "16MiB", "1GB".
std::string SizeWords(std::uint64_t bytes);

/// A function that checks a value and stores it in its target. The target must outlive the function. If the
/// value is refused, the target stays unchanged.
using Setter = std::function<absl::Status(const Given&)>;

struct ConfigKey {
  std::string name;
  Setter set;
  /// The text that must not be empty after reading, for a required key. Null: the key is not required.
  const std::string* needed = nullptr;
};
using ConfigKeys = std::vector<ConfigKey>;

/// Requires a text that is not empty.
Setter SetText(std::string* target);
/// Stores a path, relative paths resolved from `folder`, without a slash at the end. "" means no path. A text
/// of several lines is refused, and the error does not show it: it may be a key.
Setter SetPath(std::string* target, const std::filesystem::path& folder);

/// Requires host:port, with "[::1]:7444" for IPv6. The port is 1 to 65535. Names are not looked up. A host of
/// digits and dots must be an IPv4 address. `example`: shown in an error.
Setter SetHostAndPort(std::string* target, const std::string& example);

enum class ListRule {
  kAny,    ///< Allows an empty list, and empty texts.
  kSome,   ///< Requires at least one text.
  kNamed,  ///< Allows no empty text.
};
Setter SetTexts(std::vector<std::string>* target, ListRule rule);
/// Requires at least one text; each must be one of `known`.
Setter SetSomeOf(std::vector<std::string>* target, const std::vector<std::string>& known);

Setter SetSpan(std::chrono::seconds* target, std::chrono::seconds low, std::chrono::seconds high);
Setter SetSpan(std::chrono::milliseconds* target, std::chrono::milliseconds low,
               std::chrono::milliseconds high);
/// Ignores the value, because ConfigTable::Blocks() reads the key.
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

/// Stores true or false. `T`: bool, or std::optional of it.
template <typename T>
Setter SetFlag(T* target) {
  return [target](const Given& given) {
    const absl::StatusOr<bool> value = AsFlag(given);
    if (value.ok()) *target = *value;
    return value.status();
  };
}

/// Stores an integer from `low` to `high`. `T`: an integer type with room for them, or std::optional of one.
template <typename T>
Setter SetWhole(T* target, std::int64_t low, std::int64_t high) {
  return [target, low, high](const Given& given) {
    const absl::StatusOr<std::int64_t> value = AsWhole(given, low, high);
    if (value.ok()) *target = static_cast<typename config_internal::Plain<T>::Type>(*value);
    return value.status();
  };
}

/// Stores a size in bytes from `low` to `high`. `T`: an integer type with room for them.
template <typename T>
Setter SetSize(T* target, std::uint64_t low, std::uint64_t high) {
  return [target, low, high](const Given& given) {
    const absl::StatusOr<std::uint64_t> size = AsSize(given, low, high);
    if (size.ok()) *target = static_cast<T>(*size);
    return size.status();
  };
}

/// Stores milliseconds. `T`: std::int64_t, or std::optional of it.
template <typename T>
Setter SetMilliseconds(T* target, std::chrono::milliseconds low, std::chrono::milliseconds high) {
  return [target, low, high](const Given& given) {
    const absl::StatusOr<std::chrono::milliseconds> span =
        AsSpan(given, low, high, std::chrono::milliseconds(1));
    if (span.ok()) *target = span->count();
    return span.status();
  };
}

/// Stores the value of a word. `known`: the words with their values. `T`: the values' type, or std::optional
/// of it.
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
/// Stores the word itself.
Setter SetOneOf(std::string* target, const std::vector<std::string>& known);

/// Reads an inline table, such as { id = "integer" }; `set` stores its values. `shown`: the required content,
/// for errors.
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
