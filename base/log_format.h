#ifndef MIRROR_BASE_LOG_FORMAT_H_
#define MIRROR_BASE_LOG_FORMAT_H_

#include <spdlog/logger.h>

#include <string_view>

#include "base/log_words.h"

namespace mirror {

// Writes the log lines of server and agent, either for people or as JSON for machines. A JSON line is one
// object with time, level, kind, tenant and message. It is valid JSON whatever the names and messages
// contain.

/// Subject of a log line.
struct LogSubject {
  std::string_view kind = "log";  ///< A word for programs: "cycle.completed", "call", "audit".
  std::string_view tenant;        ///< Empty: the line is not about a tenant.
};

/// Sets the format of `logger`.
void SetFormat(spdlog::logger& logger, LogFormat format);
/// Sets the lowest level that is written.
void SetLevel(spdlog::logger& logger, LogLevel level);

/// Writes one line. `before` is a text before the message, only in lines for people: lines for machines have
/// the subject instead.
void WriteLog(spdlog::logger& logger, spdlog::level::level_enum level, const LogSubject& subject,
              std::string_view before, std::string_view message);

}  // namespace mirror

#endif  // MIRROR_BASE_LOG_FORMAT_H_
