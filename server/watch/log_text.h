#ifndef MIRROR_SERVER_WATCH_LOG_TEXT_H_
#define MIRROR_SERVER_WATCH_LOG_TEXT_H_

#include <string>
#include <string_view>

namespace mirror {

/// The text without control characters, which become "\x0a": names of tables may hold line ends, and a line
/// of the log must stay one.
std::string OneLine(std::string_view text);

}  // namespace mirror

#endif  // MIRROR_SERVER_WATCH_LOG_TEXT_H_
