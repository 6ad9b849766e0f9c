#ifndef MIRROR_BASE_FOLDED_NAME_H_
#define MIRROR_BASE_FOLDED_NAME_H_

#include <string>
#include <string_view>

namespace mirror {

/// Returns true if the protocol treats two names as the same: they differ at most in ASCII case.
bool SameName(std::string_view a, std::string_view b);
/// Returns the form in which a name is looked up: ASCII letters in lower case.
std::string FoldName(std::string_view name);

}  // namespace mirror

#endif  // MIRROR_BASE_FOLDED_NAME_H_
