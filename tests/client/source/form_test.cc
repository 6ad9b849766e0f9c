// The words for how changes of a table are found: in configurations, run states and capture states.

#include "client/source/strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "client/config/source_config.h"
#include "client/source/capture/capture_rule.h"

namespace mirror::form_test {
namespace {

/// Each value has a word of its own, which is read as that value.
template <typename T>
void ExpectBothWays(const EnumWords<T>& words, std::size_t values,
                    std::optional<T> (*parse)(std::string_view)) {
  EXPECT_EQ(words.size(), values);
  for (const auto& [word, value] : words) {
    EXPECT_EQ(ToString(value), word);
    EXPECT_EQ(parse(word), value) << word;
  }
  for (const char* none : {"", " ", "CDC", "cdc ", "another"}) EXPECT_EQ(parse(none), std::nullopt) << none;
}

std::optional<TimeUnit> ParseUnit(std::string_view word) { return ValueOf(TimeUnitWords(), word); }
std::optional<TimeFormat> ParseFormat(std::string_view word) { return ValueOf(TimeFormatWords(), word); }

TEST(StrategyTest, WordsAreReadAsTheyAreWritten) {
  ExpectBothWays(StrategyWords(), 6, ParseStrategy);
  ExpectBothWays(SourceKindWords(), 6, ParseSourceKind);
  ExpectBothWays(TimeUnitWords(), 4, ParseUnit);
  ExpectBothWays(TimeFormatWords(), 3, ParseFormat);
  EXPECT_EQ(ToString(Strategy::kWatermarkCdc), "watermark_cdc");
  EXPECT_EQ(ToString(TimeFormat::kUnixMs), "unix_ms");
}

TEST(FormTest, IsReadAsItIsWritten) {
  const Form forms[] = {{Strategy::kCdc},
                        {Strategy::kPopulate},
                        {Strategy::kWindow, "0123456789abcdef"},
                        {Strategy::kWatermark, "0123456789abcdef", "fedcba9876543210"}};
  for (const Form& form : forms) EXPECT_EQ(ParseForm(ToString(form)), form) << ToString(form);
  EXPECT_EQ(ToString(forms[3]), "watermark 0123456789abcdef fedcba9876543210");
  EXPECT_EQ(ParseForm("cdc").strategy, Strategy::kCdc);
}

TEST(FormTest, ATextOfAnotherProgramStaysWhatItIs) {
  for (const std::string text :
       {"", " ", "lsn 1 2", "cdc ", "cdc  x", " cdc", "window a b c", "watermark\ta"}) {
    const Form form = ParseForm(text);
    EXPECT_EQ(ToString(form), text);
    EXPECT_EQ(ParseForm(ToString(form)), form) << text;
  }
  EXPECT_EQ(ParseForm("lsn 1 2").strategy, std::nullopt);
  EXPECT_EQ(ParseForm("cdc ").strategy, std::nullopt) << "none of ours";
}

TableSchema People() {
  TableSchema table;
  table.name = "people";
  table.columns.resize(2);
  table.columns[0].name = "id";
  table.columns[0].key_position = 1;
  table.columns[0].type = Type::kInt64;
  table.columns[1].name = "changed at";
  return table;
}

TEST(CaptureFormTest, TellsByWhatItWasLookedAt) {
  CaptureRule rule;
  EXPECT_EQ(ReadLookedBy(WriteCaptureForm(People(), rule, "where x")).strategy, Strategy::kSynthetic);
  EXPECT_EQ(ReadLookedBy(WriteCaptureForm(People(), rule, "where x")).column, "");
  rule.how = Strategy::kWatermarkCdc;
  rule.column = "changed at";
  const LookedBy by = ReadLookedBy(WriteCaptureForm(People(), rule, ""));
  EXPECT_EQ(by.strategy, Strategy::kWatermarkCdc);
  EXPECT_EQ(by.column, "changed at");
  EXPECT_TRUE(by.HasPointer());
  EXPECT_FALSE(ReadLookedBy("").HasPointer());
  EXPECT_EQ(ReadLookedBy("").word, "");
  const LookedBy later = ReadLookedBy("sorted born\n1 id 1");
  EXPECT_FALSE(later.strategy.has_value());
  EXPECT_EQ(later.word, "sorted") << "of a later version";
  EXPECT_EQ(later.column, "born");
}

// Capture states hold these texts, and run states these digests: others would have every table populated.
TEST(CaptureFormTest, TextAndDigestsAreThoseOfStatesThatAreThere) {
  CaptureRule rule;
  rule.how = Strategy::kWatermark;
  rule.column = "changed at";
  rule.by_column = true;
  const std::string form = WriteCaptureForm(People(), rule, "where x");
  EXPECT_EQ(form, "watermark changed at\nby column\n1 id " + std::to_string(static_cast<int>(Type::kInt64)) +
                      "\n0 changed at\nsteps where x");
  EXPECT_EQ(ToString(FormOf(Strategy::kWatermark, "")), "watermark 2d06800538d394c2 2d06800538d394c2");
  EXPECT_EQ(FormOf(Strategy::kWatermark, form).shape,
            FormOf(Strategy::kWatermark, form.substr(0, form.find("\nsteps "))).shape);
  EXPECT_NE(FormOf(Strategy::kWatermark, form).rows, FormOf(Strategy::kWatermark, "").rows);
}

}  // namespace
}  // namespace mirror::form_test
