#include "server/http/page_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/json_writer.h"
#include "tests/support/status_matchers.h"

namespace mirror::page_values_test {
namespace {

std::string Text(std::size_t bytes) { return "\"" + std::string(bytes - 2, 'x') + "\""; }

TEST(PageValuesTest, AsManyAsWereAskedForAreTakenAndTheNextPageBeginsBehindTheLast) {
  PageValues none(2);
  EXPECT_EQ(none.next(), std::nullopt);
  EXPECT_EQ(none.Take(), "[]");
  PageValues values(2);
  EXPECT_TRUE(values.Add("1", "a"));
  EXPECT_TRUE(values.Add("2", "b"));
  EXPECT_EQ(values.next(), std::nullopt) << "there may be no more of them";
  EXPECT_FALSE(values.Add("3", "c"));
  EXPECT_FALSE(values.Add("4", "d"));
  EXPECT_EQ(values.next(), "b");
  EXPECT_EQ(values.count(), 2U);
  EXPECT_EQ(values.Take(), "[1,2]");
}

TEST(PageValuesTest, TheBytesOfAllAreBounded) {
  PageValues values(1'000);
  const std::size_t half = (kValuesBytesMax - 3) / 2;
  EXPECT_TRUE(values.Add(Text(half), "a"));
  EXPECT_TRUE(values.Add(Text(kValuesBytesMax - 3 - half), "b"));
  EXPECT_FALSE(values.Add("1", "c"));
  EXPECT_EQ(values.next(), "b");
  EXPECT_EQ(values.Take().size(), kValuesBytesMax);

  PageValues larger(1'000);
  EXPECT_TRUE(larger.Add(Text(half), "a"));
  EXPECT_FALSE(larger.Add(Text(kValuesBytesMax - 2 - half), "b"));
  EXPECT_FALSE(larger.Add("1", "c")) << "behind one that was left out none is taken";
  EXPECT_EQ(larger.next(), "a");
}

TEST(PageValuesTest, AFullPageTakesNoMoreMemoryThanItMayHave) {
  PageValues values(100'000);
  while (values.Add(Text(1'000), "k")) {
  }
  JsonWriter json;
  std::string page = values.Take();
  EXPECT_GT(page.size(), kValuesBytesMax - 2'000);
  EXPECT_LE(page.capacity(), kValuesBytesMax + 1);
  json.Begin('{').Key("values").Raw(page).End('}');
  EXPECT_LE(json.Take().capacity(), kValuesBytesMax + (100 << 10))
      << "the end of the document copies no page";
}

TEST(PageValuesTest, OneThatIsLargerThanAllMayBeComesAlone) {
  PageValues values(1'000);
  EXPECT_TRUE(values.Add(Text(kValuesBytesMax + 1), "a"));
  EXPECT_FALSE(values.Add("1", "b"));
  EXPECT_EQ(values.next(), "a");
  EXPECT_EQ(values.count(), 1U);
}

TEST(PageValuesTest, APageEndsBehindAKeyThatCanBeSent) {
  const std::string long_key(kPageTokenBytesMax + 1, 'k');
  PageValues values(3);
  EXPECT_TRUE(values.Add("1", "a"));
  EXPECT_TRUE(values.Add("2", long_key));
  EXPECT_TRUE(values.Add("3", long_key));
  EXPECT_FALSE(values.Add("4", "b"));
  EXPECT_FALSE(values.is_stuck());
  EXPECT_EQ(values.next(), "a");
  EXPECT_EQ(values.count(), 1U);
  EXPECT_EQ(values.Take(), "[1]");

  PageValues all(3);
  EXPECT_TRUE(all.Add("1", "a"));
  EXPECT_TRUE(all.Add("2", long_key));
  EXPECT_EQ(all.Take(), "[1,2]") << "of the last page all is given";

  PageValues stuck(1);
  EXPECT_TRUE(stuck.Add("1", long_key));
  EXPECT_FALSE(stuck.is_stuck());
  EXPECT_FALSE(stuck.Add("2", "b"));
  EXPECT_TRUE(stuck.is_stuck());
}

TEST(PageTokenTest, AnyKeyIsATextThatCanBeSentBack) {
  const std::string keys[] = {"plain",
                              "[\"1\",2]",
                              "Zoë",
                              "a\nb",
                              std::string("a\0b", 3),
                              "\x7f",
                              "~tilde",
                              "\xff\xfe",
                              std::string(3'000, '"'),
                              ""};
  for (const std::string& key : keys) {
    const std::string token = PageToken(key);
    EXPECT_LE(token.size(), kPageTokenBytesMax);
    for (const char c : token) EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == '\x7f') << token;
    EXPECT_THAT(KeyOfToken(token), IsOkAndHolds(key));
  }
  EXPECT_EQ(PageToken("Zoë"), "Zoë") << "as people read it, where it can be";
  EXPECT_THAT(KeyOfToken("~*"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace mirror::page_values_test
