#include "base/log_format.h"

#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/printable.h"

namespace mirror {
namespace {

constexpr char kTime[] = "%Y-%m-%dT%H:%M:%S.%eZ";

std::atomic<LogFormat> format_now{LogFormat::kText};
/// Subject of the line that this thread writes. Loggers are synchronous: the formatter runs in the thread
/// that logs.
thread_local const LogSubject* subject_now = nullptr;

class JsonFormatter final : public spdlog::formatter {
 public:
  JsonFormatter() : time_(kTime, spdlog::pattern_time_type::utc, "") {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    static const LogSubject kNone;
    const LogSubject& subject = subject_now == nullptr ? kNone : *subject_now;
    spdlog::memory_buf_t time;
    time_.format(message, time);
    const spdlog::string_view_t level = spdlog::level::to_string_view(message.level);
    const nlohmann::ordered_json json = {
        {"time", std::string_view(time.data(), time.size())},
        {"level", std::string_view(level.data(), level.size())},
        {"kind", subject.kind},
        {"tenant", subject.tenant},
        {"message", std::string_view(message.payload.data(), message.payload.size())}};
    // Replaces bytes that are not UTF-8, and escapes all characters except ASCII, so that every program
    // accepts the JSON.
    const std::string text = json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
    line.append(text.data(), text.data() + text.size());
    line.push_back('\n');
  }

  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }

 private:
  spdlog::pattern_formatter time_;
};

/// Writes the message in one line, whatever its content is. A name in it can neither add a line nor control
/// the terminal.
class OneLineMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    const std::string text = Printable({message.payload.data(), message.payload.size()});
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<OneLineMessage>();
  }
};

}  // namespace

void SetFormat(spdlog::logger& logger, LogFormat format) {
  format_now = format;
  if (format == LogFormat::kJson) {
    logger.set_formatter(std::make_unique<JsonFormatter>());
  } else {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<OneLineMessage>('*').set_pattern(std::string(kTime) + " %l %*");
    logger.set_formatter(std::move(formatter));
  }
}

void SetLevel(spdlog::logger& logger, LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return logger.set_level(spdlog::level::trace);
    case LogLevel::kDebug:
      return logger.set_level(spdlog::level::debug);
    case LogLevel::kInfo:
      return logger.set_level(spdlog::level::info);
    case LogLevel::kWarn:
      return logger.set_level(spdlog::level::warn);
    case LogLevel::kError:
      return logger.set_level(spdlog::level::err);
  }
}

void WriteLog(spdlog::logger& logger, spdlog::level::level_enum level, const LogSubject& subject,
              std::string_view before, std::string_view message) {
  subject_now = &subject;
  if (format_now == LogFormat::kJson) {
    logger.log(level, spdlog::string_view_t(message.data(), message.size()));
  } else {
    logger.log(level, "{}{}", before, message);
  }
  subject_now = nullptr;
}

}  // namespace mirror
