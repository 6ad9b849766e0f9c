#ifndef MIRROR_BASE_TEXT_HUB_NAME_H_
#define MIRROR_BASE_TEXT_HUB_NAME_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

// Rules for names in [[hub]]. The check of a configuration and 'mirrorctl hub init' use them.

namespace mirror {

/// Greatest length in bytes of the name of a storage, a data source or a tenant.
inline constexpr std::size_t kHubNameMax = 64;
/// Greatest length of an entity's name, which becomes part of a table's name.
inline constexpr std::size_t kHubEntityNameMax = 40;

inline bool IsHubNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

inline bool IsHubName(std::string_view name, std::size_t length_max) {
  return !name.empty() && name.size() <= length_max &&
         std::all_of(name.begin(), name.end(), IsHubNameCharacter);
}

/// Returns the rule as a text for people: "1 to 64 letters, digits, '_' and '-'".
inline std::string HubNameWords(std::size_t length_max) {
  return "1 to " + std::to_string(length_max) + " letters, digits, '_' and '-'";
}

}  // namespace mirror

#endif  // MIRROR_BASE_TEXT_HUB_NAME_H_
