#ifndef MIRROR_BASE_PRINTABLE_H_
#define MIRROR_BASE_PRINTABLE_H_

#include <string>
#include <string_view>

namespace mirror {

/// Makes a text from elsewhere safe for a terminal or a line of the log: control characters, characters that
/// reverse or break the line, and bytes that are not UTF-8 become \n, \x1b, \u202e. Everything else stays,
/// a backslash too.
std::string Printable(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_BASE_PRINTABLE_H_
