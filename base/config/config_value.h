#ifndef MIRROR_BASE_CONFIG_CONFIG_VALUE_H_
#define MIRROR_BASE_CONFIG_CONFIG_VALUE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/config/config_node.h"

// How values are written, in every program and also in variables. Errors are kInvalidArgument; they begin
// with Given::where and say what is allowed.

namespace mirror {

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

}  // namespace mirror

#endif  // MIRROR_BASE_CONFIG_CONFIG_VALUE_H_
