#ifndef MIRROR_BASE_LOG_FORMAT_H_
#define MIRROR_BASE_LOG_FORMAT_H_

#include <spdlog/logger.h>

#include <string_view>

#include "base/log_words.h"

namespace mirror {

// The log's lines, of server and agent: for people, or for machines, each one JSON object with time, level,
// kind, tenant and message, whatever names are in them.

/// What a line is about.
struct LogSubject {
  std::string_view kind = "log";  ///< A word for programs: "cycle.completed", "call", "audit".
  std::string_view tenant;        ///< Empty: none.
};

/// Sets how `logger` writes.
void SetFormat(spdlog::logger& logger, LogFormat format);
/// From which level on.
void SetLevel(spdlog::logger& logger, LogLevel level);

/// One line. `before` stands before the message in a line for people only: a machine has the subject.
void WriteLog(spdlog::logger& logger, spdlog::level::level_enum level, const LogSubject& subject,
              std::string_view before, std::string_view message);

}  // namespace mirror

#endif  // MIRROR_BASE_LOG_FORMAT_H_
