#include "base/name_pattern.h"

#include <cstddef>

#include "base/folded_name.h"

namespace mirror {

bool MatchesExactly(std::string_view text, std::string_view pattern) {
  // If the text after the last '*' does not match, this '*' matches one more character.
  std::size_t at = 0, next = 0, star = std::string_view::npos, resume = 0;
  while (at < text.size()) {
    if (next < pattern.size() && pattern[next] == '*') {
      star = next++;
      resume = at;
    } else if (next < pattern.size() && pattern[next] == text[at]) {
      ++next;
      ++at;
    } else if (star != std::string_view::npos) {
      next = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (next < pattern.size() && pattern[next] == '*') ++next;
  return next == pattern.size();
}

bool MatchesPattern(std::string_view name, std::string_view pattern) {
  return MatchesExactly(FoldName(name), FoldName(pattern));
}

}  // namespace mirror
