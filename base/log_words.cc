#include "base/log_words.h"

namespace mirror {

const EnumWords<LogFormat>& LogFormatWords() {
  static const EnumWords<LogFormat> kWords = {{"text", LogFormat::kText}, {"json", LogFormat::kJson}};
  return kWords;
}
std::string ToString(LogFormat format) { return WordOf(LogFormatWords(), format); }

const EnumWords<LogLevel>& LogLevelWords() {
  static const EnumWords<LogLevel> kWords = {{"trace", LogLevel::kTrace},
                                             {"debug", LogLevel::kDebug},
                                             {"info", LogLevel::kInfo},
                                             {"warn", LogLevel::kWarn},
                                             {"error", LogLevel::kError}};
  return kWords;
}
std::string ToString(LogLevel level) { return WordOf(LogLevelWords(), level); }

}  // namespace mirror
