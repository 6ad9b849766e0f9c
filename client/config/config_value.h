#ifndef MIRROR_CLIENT_CONFIG_CONFIG_VALUE_H_
#define MIRROR_CLIENT_CONFIG_CONFIG_VALUE_H_

#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace mirror {

// How single values of mirror-agent.toml are read. All errors are kInvalidArgument and say where.

/// A value as it came from the file or from the environment.
struct Given {
  std::string where;                 ///< "mirror-agent.toml:12: [agent] 'window'" or "MIRROR_AGENT_WINDOW".
  const toml::node* node = nullptr;  ///< Null: `text` came from the environment.
  std::string text;

  absl::Status Wrong(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(where, " ", what));
  }
};

/// "a table", "a text"
std::string KindOf(const toml::node& node);

/// Not empty, without NUL.
absl::StatusOr<std::string> AsText(const Given& given);
absl::StatusOr<bool> AsBool(const Given& given);
absl::StatusOr<std::int64_t> AsNumber(const Given& given, std::int64_t low, std::int64_t high);
struct TimeSpan {
  std::string text;
  std::int64_t ms = 0;
};
/// "500ms", "30s", "20m", "2h", "7d", as milliseconds.
absl::StatusOr<std::int64_t> AsDuration(const Given& given, const TimeSpan& low, const TimeSpan& high);
/// 1500000, "1500KB", "1MB", "1MiB".
absl::StatusOr<std::uint64_t> AsBytes(const Given& given, std::uint64_t low, std::uint64_t high);
/// Of a file alone.
absl::StatusOr<std::vector<std::string>> AsTexts(const Given& given);

/// What may stand under one key, and what to do with it.
using Setter = std::function<absl::Status(const Given&)>;
struct ConfigKey {
  std::string name;
  Setter set;
};
using ConfigKeys = std::vector<ConfigKey>;

Setter SetText(std::string* target);
Setter SetFlag(bool* target);
/// `low` and `high` outlive it.
Setter SetDuration(std::int64_t* target_ms, const TimeSpan& low, const TimeSpan& high);
/// A path, seen from the configuration's folder.
Setter SetPath(std::string* target, const std::filesystem::path& folder);
/// The same, where "" says that there is none.
Setter SetOptionalPath(std::string* target, const std::filesystem::path& folder);
Setter SetTexts(std::vector<std::string>* target);
Setter SetOneOf(const std::vector<std::string>& known, std::string* target);

/// All of `table`, which is called `name` in `file`. Errors: also a key that is not one of `keys`.
absl::Status SetAll(const std::string& file, const toml::table& table, const std::string& name,
                    const ConfigKeys& keys);

/// "; did you mean 'window'?", or the list when nothing is near.
std::string Suggest(std::string_view word, const std::vector<std::string>& known);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_CONFIG_VALUE_H_
