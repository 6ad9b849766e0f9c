#ifndef MIRROR_BASE_PRINTABLE_H_
#define MIRROR_BASE_PRINTABLE_H_

#include <string>
#include <string_view>

namespace mirror {

/// A text from elsewhere, as a terminal or a line of the log may show it: control characters, those that turn
/// or break the line and bytes that are not UTF-8 become \n, \x1b, \u202e. Everything else, a backslash too,
/// stays.
std::string Printable(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_BASE_PRINTABLE_H_
