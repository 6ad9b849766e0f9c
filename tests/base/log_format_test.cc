#include "base/log_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>

namespace mirror::log_format_test {
namespace {

class LogFormatTest : public testing::Test {
 protected:
  ~LogFormatTest() override { SetFormat(logger_, LogFormat::kText); }

  nlohmann::json Line() {
    const std::string line = text_.str();
    text_.str("");
    EXPECT_EQ(line.find('\n'), line.size() - 1) << "one line: " << line;
    return nlohmann::json::parse(line);
  }

  std::ostringstream text_;
  spdlog::logger logger_{"test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)};
};

TEST_F(LogFormatTest, AMachineReadsWhatItIsAbout) {
  SetFormat(logger_, LogFormat::kJson);
  WriteLog(logger_, spdlog::level::warn, {"table.refused", "Cust1"}, "event table.refused Cust1: ", "words");
  const nlohmann::json line = Line();
  EXPECT_EQ(line["level"], "warning");
  EXPECT_EQ(line["kind"], "table.refused");
  EXPECT_EQ(line["tenant"], "Cust1");
  EXPECT_EQ(line["message"], "words");
  EXPECT_THAT(line["time"].get<std::string>(),
              testing::MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9:]+\\.[0-9]+Z"));
}

TEST_F(LogFormatTest, AnyBytesMakeValidJson) {
  SetFormat(logger_, LogFormat::kJson);
  const std::string names[] = {"a\nb\r\t",     "\"quoted\" \\ {}%s",         std::string("nul\0here", 8),
                               "\xff\xfe bad", "\xe2\x80\xae right to left", "\x1b[31m"};
  for (const std::string& name : names) {
    WriteLog(logger_, spdlog::level::info, {name, name}, name, name);
    const nlohmann::json line = Line();
    EXPECT_EQ(line["kind"], line["message"]);
    if (name[0] == 'a') {
      EXPECT_EQ(line["message"], name);
    }
  }
}

TEST_F(LogFormatTest, NobodyWritesALineOfHisOwnOrWhatATerminalActsOn) {
  SetFormat(logger_, LogFormat::kText);
  const std::string name = "eve\n2026-01-01T00:00:00.000Z info forged\r\x1b[2J\xc2\x9b\xe2\x80\xae";
  WriteLog(logger_, spdlog::level::info, {"call", name}, name, name);
  logger_.info("{} and {}", name, 3);
  const std::string lines = text_.str();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << lines;
  for (const char* const part : {"\r", "\x1b", "\xc2\x9b", "\xe2\x80\xae"}) {
    EXPECT_EQ(lines.find(part), std::string::npos) << lines;
  }
  EXPECT_THAT(lines, testing::HasSubstr("eve\\n2026"));
}

TEST_F(LogFormatTest, OtherLinesAreJsonToo) {
  SetFormat(logger_, LogFormat::kJson);
  logger_.info("{} things", 3);
  const nlohmann::json line = Line();
  EXPECT_EQ(line["message"], "3 things");
  EXPECT_EQ(line["kind"], "log");
  EXPECT_EQ(line["tenant"], "");
}

TEST_F(LogFormatTest, PeopleReadOneSentence) {
  SetFormat(logger_, LogFormat::kText);
  WriteLog(logger_, spdlog::level::err, {"a", "Cust1"}, "event a Cust1: ", "words {}");
  EXPECT_THAT(text_.str(), testing::HasSubstr("Z error event a Cust1: words {}\n"));
}

TEST_F(LogFormatTest, ItsWordsAreReadAsTheyAreWritten) {
  for (const auto& [word, format] : LogFormatWords()) {
    EXPECT_EQ(ToString(format), word);
    EXPECT_EQ(ValueOf(LogFormatWords(), word), format) << word;
  }
  for (const auto& [word, level] : LogLevelWords()) {
    EXPECT_EQ(ToString(level), word);
    EXPECT_EQ(ValueOf(LogLevelWords(), word), level) << word;
    SetLevel(logger_, level);
    EXPECT_EQ(logger_.level(), spdlog::level::from_str(word)) << word;
  }
  EXPECT_EQ(LogLevelWords().size(), 5U);
  EXPECT_EQ(ValueOf(LogLevelWords(), "warning"), std::nullopt);
  EXPECT_EQ(ValueOf(LogFormatWords(), ""), std::nullopt);
}

}  // namespace
}  // namespace mirror::log_format_test
