#include "base/log_words.h"

namespace mirror {

const EnumWords<LogFormat>& LogFormatWords() {
  static const EnumWords<LogFormat> kWords = {{"text", LogFormat::kText}, {"json", LogFormat::kJson}};
  return kWords;
}
std::string ToString(LogFormat format) { return WordOf(LogFormatWords(), format); }
std::optional<LogFormat> ParseLogFormat(std::string_view word) { return ValueOf(LogFormatWords(), word); }

const EnumWords<LogLevel>& LogLevelWords() {
  static const EnumWords<LogLevel> kWords = {{"trace", LogLevel::kTrace},
                                             {"debug", LogLevel::kDebug},
                                             {"info", LogLevel::kInfo},
                                             {"warn", LogLevel::kWarn},
                                             {"error", LogLevel::kError}};
  return kWords;
}
std::string ToString(LogLevel level) { return WordOf(LogLevelWords(), level); }
std::optional<LogLevel> ParseLogLevel(std::string_view word) { return ValueOf(LogLevelWords(), word); }

}  // namespace mirror
