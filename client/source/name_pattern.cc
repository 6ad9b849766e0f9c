#include "client/source/name_pattern.h"

#include <cstddef>
#include <string>

#include "proto/wire/table.h"

namespace mirror {

bool MatchesPattern(std::string_view name, std::string_view pattern) {
  const std::string text = FoldName(name), want = FoldName(pattern);
  std::size_t at = 0, star = std::string::npos, resume = 0, p = 0;
  while (at < text.size()) {
    if (p < want.size() && want[p] == '*') {
      star = p++;
      resume = at;
    } else if (p < want.size() && want[p] == text[at]) {
      ++p;
      ++at;
    } else if (star != std::string::npos) {
      p = star + 1;
      at = ++resume;
    } else {
      return false;
    }
  }
  while (p < want.size() && want[p] == '*') ++p;
  return p == want.size();
}

}  // namespace mirror
