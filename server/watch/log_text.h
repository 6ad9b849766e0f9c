#ifndef MIRROR_SERVER_WATCH_LOG_TEXT_H_
#define MIRROR_SERVER_WATCH_LOG_TEXT_H_

#include <string>
#include <string_view>

namespace mirror {

/// Returns the text with control characters replaced by "\x0a" and the like: names
/// of tables may contain line ends, and an entry of the log must stay one line.
std::string OneLine(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_LOG_TEXT_H_
