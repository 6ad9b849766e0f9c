#ifndef MIRROR_SERVER_HTTP_PAGE_VALUES_H_
#define MIRROR_SERVER_HTTP_PAGE_VALUES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace mirror {

/// Of the values of one answer, as JSON.
inline constexpr std::size_t kValuesBytesMax = 4 << 20;

/// Of what a page says the next one begins behind: it has to fit into a request's line, beside all else of an
/// 8 KB head.
inline constexpr std::size_t kPageTokenBytesMax = 6'000;
/// A key as a text that can be sent back in a query: the key itself, or, where that has control characters or
/// would be too long with its '%', '~' and its base64url.
std::string PageToken(std::string key);
/// The key of such a text. Errors: kInvalidArgument: it is none.
absl::StatusOr<std::string> KeyOfToken(std::string token);

/// The values of a page, as JSON: as many as were asked for, and as kValuesBytesMax has room for; the first
/// one whatever it weighs. Where it is not the last one, it ends behind a value whose key is no longer than
/// kPageTokenBytesMax. Threads: none.
class PageValues {
 public:
  explicit PageValues(std::size_t limit) : limit_(limit) {}

  /// Takes one, behind whose `key` the next page would begin. False: there is no room for it, and the page is
  /// over.
  bool Add(std::string_view value, std::string_view key);

  std::size_t count() const { return count_; }
  /// There is more, and no value here whose key can be sent.
  bool is_stuck() const { return is_over_ && !next_; }
  /// Behind what the next page begins; absent: all were taken.
  const std::optional<std::string>& next() const { return next_; }
  /// "[...]"
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
