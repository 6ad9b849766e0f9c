#ifndef MIRROR_BASE_LOG_WORDS_H_
#define MIRROR_BASE_LOG_WORDS_H_

#include <optional>
#include <string>
#include <string_view>

#include "base/enum_words.h"

// Log settings of a configuration, for code that writes no log itself.

namespace mirror {

enum class LogFormat { kText, kJson };

const EnumWords<LogFormat>& LogFormatWords();
std::string ToString(LogFormat format);
std::optional<LogFormat> ParseLogFormat(std::string_view word);

/// The lowest level that is written.
enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

const EnumWords<LogLevel>& LogLevelWords();
std::string ToString(LogLevel level);
std::optional<LogLevel> ParseLogLevel(std::string_view word);

}  // namespace mirror

#endif  // MIRROR_BASE_LOG_WORDS_H_
