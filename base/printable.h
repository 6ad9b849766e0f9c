#ifndef MIRROR_BASE_PRINTABLE_H_
#define MIRROR_BASE_PRINTABLE_H_

#include <string>
#include <string_view>

namespace mirror {

/// Makes an untrusted text safe for a terminal or a log line. Control characters, characters that reverse or
/// break the line, and bytes that are not UTF-8 are replaced by texts such as \n, \x1b and \u202e. Everything
/// else stays unchanged, also a backslash.
std::string Printable(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_BASE_PRINTABLE_H_
