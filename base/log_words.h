#ifndef MIRROR_BASE_LOG_WORDS_H_
#define MIRROR_BASE_LOG_WORDS_H_

#include <string>

#include "base/enum_words.h"

// Log settings of a configuration, for code that writes no log itself.

namespace mirror {

enum class LogFormat { kText, kJson };

const EnumWords<LogFormat>& LogFormatWords();
std::string ToString(LogFormat format);

/// The lowest level that is written.
enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError };

const EnumWords<LogLevel>& LogLevelWords();
std::string ToString(LogLevel level);

}  // namespace mirror

#endif  // MIRROR_BASE_LOG_WORDS_H_
