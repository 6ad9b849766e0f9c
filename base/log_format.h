#ifndef MIRROR_BASE_LOG_FORMAT_H_
#define MIRROR_BASE_LOG_FORMAT_H_

#include <spdlog/logger.h>

#include <string_view>

#include "base/log_words.h"

namespace mirror {

// Log lines of server and agent: for people, or for machines as one JSON object each, with time, level,
// kind, tenant and message, whatever names they contain.

/// The subject of a line.
struct LogSubject {
  std::string_view kind = "log";  ///< A word for programs: "cycle.completed", "call", "audit".
  std::string_view tenant;        ///< Empty: none.
};

/// Sets the format of `logger`.
void SetFormat(spdlog::logger& logger, LogFormat format);
/// Sets the lowest level that is written.
void SetLevel(spdlog::logger& logger, LogLevel level);

/// Writes one line. `before` precedes the message only in lines for people: machines get the subject.
void WriteLog(spdlog::logger& logger, spdlog::level::level_enum level, const LogSubject& subject,
              std::string_view before, std::string_view message);

}  // namespace mirror

#endif  // MIRROR_BASE_LOG_FORMAT_H_
