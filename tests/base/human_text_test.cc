#include "base/human_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mirror::human_text_test {
namespace {

TEST(HumanTextTest, NumbersAreGroupedByThousands) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1'000), "1,000");
  EXPECT_EQ(Grouped(1'234'567), "1,234,567");
  EXPECT_EQ(Grouped(UINT64_MAX), "18,446,744,073,709,551,615");
}

TEST(HumanTextTest, ACountAgreesWithItsNoun) {
  EXPECT_EQ(Counted(0, "table"), "0 tables");
  EXPECT_EQ(Counted(1, "table"), "1 table");
  EXPECT_EQ(Counted(1'234, "row"), "1,234 rows");
  EXPECT_EQ(Counted(1, "entry"), "1 entry");
  EXPECT_EQ(Counted(0, "entry"), "0 entries");
  EXPECT_EQ(Counted(2, "key"), "2 keys");
}

TEST(HumanTextTest, ASizeIsToldInOneUnit) {
  EXPECT_EQ(SizeText(0), "0B");
  EXPECT_EQ(SizeText(1'023), "1023B");
  EXPECT_EQ(SizeText(1'536), "1.5KiB");
  EXPECT_EQ(SizeText((1 << 20) - 1), "1.0MiB") << "never 1024.0KiB";
}

TEST(HumanTextTest, ASpanIsToldInOneUnitThatHidesLessThanHalf) {
  for (const auto& [seconds, text] : std::vector<std::pair<std::int64_t, std::string>>{{-5, "0 s"},
                                                                                       {0, "0 s"},
                                                                                       {119, "119 s"},
                                                                                       {120, "2 min"},
                                                                                       {7'199, "119 min"},
                                                                                       {7'200, "2 h"},
                                                                                       {172'799, "47 h"},
                                                                                       {172'800, "2 d"}}) {
    EXPECT_EQ(SpanText(seconds * 1'000), text);
  }
  EXPECT_EQ(SpanText(INT64_MIN), "0 s");
}

TEST(HumanTextTest, AWordIsQuotedWhereAShellWouldReadItOtherwise) {
  EXPECT_EQ(ShellWord("/srv/crm.db"), "/srv/crm.db");
  EXPECT_EQ(ShellWord("Cust*"), "'Cust*'");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord("/srv/a\\b c"), "'/srv/a\\b c'");
  EXPECT_EQ(ShellWord("it's \x1b[1m\n\\"), "$'it\\047s \\033[1m\\012\\134'");

  EXPECT_EQ(QuotedCommand("cat /srv/crm.db"), "'cat /srv/crm.db'");
  EXPECT_EQ(QuotedCommand("cat 'a b' > 'c$ü'"), "'cat a\\ b > c\\$ü'");
  EXPECT_EQ(QuotedCommand("cat " + ShellWord("it's") + " " + ShellWord("")), "'cat it\\'s \"\"'");
}

TEST(FormatUnixTimeTest, IsRfc3339OrThePlainNumber) {
  EXPECT_EQ(FormatUnixTime(1800000000), "2027-01-15T08:00:00Z");
  EXPECT_EQ(FormatUnixTime(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatUnixTime(253402300799), "9999-12-31T23:59:59Z");
  EXPECT_EQ(FormatUnixTime(-1), "-1");
  EXPECT_EQ(FormatUnixTime(253402300800), "253402300800");
}

}  // namespace
}  // namespace mirror::human_text_test
