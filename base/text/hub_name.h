#ifndef MIRROR_BASE_TEXT_HUB_NAME_H_
#define MIRROR_BASE_TEXT_HUB_NAME_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

// Names in [[hub]]: what a configuration is refused for, and what 'mirrorctl hub init' prints.

namespace mirror {

/// Bytes of the name of a storage, a data source or a tenant,
inline constexpr std::size_t kHubNameMax = 64;
/// and of an entity's, which becomes part of the name of a table.
inline constexpr std::size_t kHubEntityNameMax = 40;

inline bool IsHubNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

inline bool IsHubName(std::string_view name, std::size_t length_max) {
  return !name.empty() && name.size() <= length_max &&
         std::all_of(name.begin(), name.end(), IsHubNameCharacter);
}

/// What such a name is, for people: "1 to 64 letters, digits, '_' and '-'".
inline std::string HubNameWords(std::size_t length_max) {
  return "1 to " + std::to_string(length_max) + " letters, digits, '_' and '-'";
}

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_HUB_NAME_H_
