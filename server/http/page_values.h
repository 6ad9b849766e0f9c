#ifndef MIRROR_SERVER_HTTP_PAGE_VALUES_H_
#define MIRROR_SERVER_HTTP_PAGE_VALUES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror {

/// The limit for the values of one answer, as JSON.
inline constexpr std::size_t kValuesBytesMax = 4 << 20;

/// The limit for the token after which the next page begins: it must fit into a
/// request's line, beside the rest of an 8 KB head.
inline constexpr std::size_t kPageTokenBytesMax = 6'000;
/// Returns a key as a text that can be sent back in a query: the key itself, or '~' and its base64url, if the
/// key has control characters or would be too long with its '%'.
std::string PageToken(std::string key);
/// Returns the key of such a text. Errors: kInvalidArgument: it is not such a text.
absl::StatusOr<std::string> KeyOfToken(std::string token);

/// The values of a page, as JSON: as many as were asked for, and as fit into kValuesBytesMax; the
/// first one always, whatever its size. Unless it is the last page, it ends after a value whose key
/// is no longer than kPageTokenBytesMax. Threads: none.
class PageValues {
 public:
  explicit PageValues(std::size_t limit) : limit_(limit) {}

  /// Adds a value; the next page would begin after `key`. False: there is no
  /// room for it, and the page is complete.
  bool Add(std::string_view value, std::string_view key);

  std::size_t count() const { return count_; }
  /// There is more, but no value here has a key that can be sent.
  bool is_stuck() const { return is_over_ && !next_; }
  /// The key after which the next page begins; absent: all were added.
  const std::optional<std::string>& next() const { return next_; }
  /// Returns "[...]".
  std::string Take();

 private:
  void End();

  const std::size_t limit_;
  std::size_t count_ = 0;
  std::string json_ = "[", last_;
  std::size_t last_count_ = 0, last_bytes_ = 0;  ///< Up to the last value whose key can be sent.
  bool is_over_ = false;
  std::optional<std::string> next_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_PAGE_VALUES_H_
