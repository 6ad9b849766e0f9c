#ifndef MIRROR_BASE_NAME_PATTERN_H_
#define MIRROR_BASE_NAME_PATTERN_H_

#include <string_view>

namespace mirror {

/// Whether a text is what a pattern means: `*` stands for any characters, the rest for itself.
bool MatchesExactly(std::string_view text, std::string_view pattern);

/// The same for names of tables, which are compared by ASCII case only.
bool MatchesPattern(std::string_view name, std::string_view pattern);

}  // namespace mirror

#endif  // MIRROR_BASE_NAME_PATTERN_H_
