#ifndef MIRROR_SERVER_HTTP_PAGE_VALUES_H_
#define MIRROR_SERVER_HTTP_PAGE_VALUES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mirror {

/// Of the values of one answer, as JSON.
inline constexpr std::size_t kValuesBytesMax = 4 << 20;

/// The values of a page, as JSON: as many as were asked for, and as kValuesBytesMax has room for; the first
/// one whatever it weighs. Threads: none.
class PageValues {
 public:
  explicit PageValues(std::size_t limit) : limit_(limit) {}

  /// Takes one, behind whose `key` the next page would begin. False: there is no room for it, and the page is
  /// over.
  bool Add(std::string_view value, std::string_view key);

  std::size_t count() const { return count_; }
  /// Behind what the next page begins; absent: all were taken.
  const std::optional<std::string>& next() const { return next_; }
  /// "[...]"
  std::string Take();

 private:
  const std::size_t limit_;
  std::size_t count_ = 0;
  std::string json_ = "[", last_;
  std::optional<std::string> next_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_PAGE_VALUES_H_
