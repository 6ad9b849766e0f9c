#ifndef MIRROR_BASE_FOLDED_NAME_H_
#define MIRROR_BASE_FOLDED_NAME_H_

#include <string>
#include <string_view>

namespace mirror {

/// Compares names as the protocol does: by ASCII case only.
bool SameName(std::string_view a, std::string_view b);
/// The form under which a name is looked up: ASCII upper case made lower.
std::string FoldName(std::string_view name);

}  // namespace mirror

#endif  // MIRROR_BASE_FOLDED_NAME_H_
