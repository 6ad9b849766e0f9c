#ifndef MIRROR_BASE_NAME_PATTERN_H_
#define MIRROR_BASE_NAME_PATTERN_H_

#include <string_view>

namespace mirror {

/// Returns true if a text matches a pattern. `*` matches any characters, also none; all other characters
/// match themselves.
bool MatchesExactly(std::string_view text, std::string_view pattern);

/// Does the same without regard to ASCII case, for names of tables.
bool MatchesPattern(std::string_view name, std::string_view pattern);

}  // namespace mirror

#endif  // MIRROR_BASE_NAME_PATTERN_H_
