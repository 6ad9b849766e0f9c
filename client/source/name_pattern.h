#ifndef MIRROR_CLIENT_SOURCE_NAME_PATTERN_H_
#define MIRROR_CLIENT_SOURCE_NAME_PATTERN_H_

#include <string_view>

namespace mirror {

/// Whether a table name fits a pattern of `include` or `skip`: `*` stands for any characters, the rest for
/// itself, by ASCII case only.
bool MatchesPattern(std::string_view name, std::string_view pattern);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_NAME_PATTERN_H_
