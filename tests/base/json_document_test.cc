#include "base/json_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/json_writer.h"
#include "tests/support/status_matchers.h"

namespace mirror::json_document_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string Rewritten(std::string_view text) {
  const auto document = JsonDocument::Parse(text);
  if (!document.ok()) return document.status().ToString();
  std::string json;
  document->root().AppendTo(&json);
  return json;
}

std::string Nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonDocumentTest, NumbersStayAsTheyWereWritten) {
  for (const char* const number : {"0", "-0", "7", "-7", "1.50", "1e5", "1E+5", "-1.0e-10", "0.1",
                                   "18446744073709551615", "-9223372036854775808", "18446744073709551616",
                                   "-9223372036854775809", "123456789012345678901234567890.123456789"}) {
    EXPECT_EQ(Rewritten(number), number);
    EXPECT_EQ(JsonDocument::Parse(number)->root().text(), number);
  }
  EXPECT_THAT(JsonDocument::Parse("1e999"), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(JsonDocumentTest, TextsSayWhatTheirEscapesMean) {
  EXPECT_EQ(JsonDocument::Parse(R"("\u0041\n\/\"\\\ud83d\ude00")")->root().text(),
            "A\n/\"\\\xF0\x9F\x98\x80");
  EXPECT_EQ(JsonDocument::Parse(R"("\u0000")")->root().text(), std::string_view("\0", 1));
  EXPECT_EQ(Rewritten("\"\\u0001\\u001f\\b\\r\\t\x7f\\u00e4\""),
            "\"\\u0001\\u001f\\u0008\\r\\t\x7f\xC3\xA4\"");
}

TEST(JsonDocumentTest, ValuesAreCountedWithoutTakingThemApart) {
  for (const char* const text :
       {"null", " [ ] ", "{}", R"({"a":"b, [1]:{2}","c\"\\":[true,false,null,-1.5e+3]})", R"("\\")",
        "[\n1 ,\t2,\r\n3]", "\xEF\xBB\xBF[1]", R"([[],[[]],{"":{}},"",[""]])",
        R"({"a":1,"b":"x","c":[1,{"d":"e"}]})"}) {
    const auto document = JsonDocument::Parse(text);
    ASSERT_THAT(document, IsOk());
    EXPECT_EQ(CountJsonValues(text), document->root().CountValues()) << text;
  }
}

TEST(JsonDocumentTest, ANulIsFoundInTheValueThatHasIt) {
  const auto document = JsonDocument::Parse(R"([{"a":[1,"b"]},{"c":["\u0000"]},{"\u0000":1},"d",{"e":2}])");
  ASSERT_THAT(document, IsOk());
  std::vector<bool> have;
  for (const JsonView& element : document->root().Elements()) have.push_back(element.HasNul());
  EXPECT_EQ(have, (std::vector<bool>{false, true, true, false, false}));
  EXPECT_TRUE(document->root().HasNul());
}

TEST(JsonDocumentTest, ValuesAreFoundWhereTheyStand) {
  const auto document = JsonDocument::Parse(R"( {"a": [1, {"b": null}, "c"], "d": true, "": {}} )");
  ASSERT_THAT(document, IsOk());
  const JsonView root = document->root();
  ASSERT_THAT(root.Members(), SizeIs(3));
  EXPECT_EQ(root.Members()[2].first, "");
  EXPECT_TRUE(root.Find("d")->IsTrue());
  EXPECT_FALSE(root.Find("D"));
  EXPECT_FALSE(root.Find("b"));
  const auto elements = root.Find("a")->Elements();
  ASSERT_THAT(elements, SizeIs(3));
  EXPECT_TRUE(elements[1].Find("b")->Is(JsonKind::kNull));
  EXPECT_EQ(elements[2].text(), "c");
  EXPECT_THAT(elements[2].Elements(), IsEmpty());
  EXPECT_THAT(elements[0].Members(), IsEmpty());
  EXPECT_EQ(root.text(), "");
  EXPECT_EQ(Rewritten(R"( {"a": [1, {"b": null}, "c"], "d": true, "": {}} )"),
            R"({"a":[1,{"b":null},"c"],"d":true,"":{}})");
}

TEST(JsonDocumentTest, WhatIsNoJsonIsRefusedWithItsPlaceAndNotItsText) {
  const std::string nul_behind("{\"secret\":1}\0{}", 15), nul_alone("\0", 1);
  for (const std::string& text : std::vector<std::string>{"",
                                                          " ",
                                                          "{",
                                                          "}",
                                                          "{\"secret\":}",
                                                          "[1,]",
                                                          "{\"secret\":1,}",
                                                          "01",
                                                          "+1",
                                                          ".5",
                                                          "1.",
                                                          "-",
                                                          "nul",
                                                          "NaN",
                                                          "'secret'",
                                                          "\"secret",
                                                          "\"sec\nret\"",
                                                          "\"\\x41\"",
                                                          "\"\\u12g4\"",
                                                          "{} {}",
                                                          "[1] secret",
                                                          "/* secret */ 1",
                                                          "\"secret\xff\"",
                                                          "\"\xC0\xAF\"",
                                                          "\"\xED\xA0\x80\"",
                                                          "\"\\ud800\"",
                                                          "\"\\udc00\"",
                                                          "\"\\ud800\\u0041\"",
                                                          nul_behind,
                                                          nul_alone}) {
    const auto document = JsonDocument::Parse(text);
    EXPECT_THAT(document, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("from byte"))) << text;
    EXPECT_THAT(std::string(document.status().message()), Not(HasSubstr("secret")));
  }
}

TEST(JsonDocumentTest, MembersThatAreThereTwiceAreRefused) {
  for (const char* const text :
       {R"({"a":1,"a":1})", R"({"a":1,"b":2,"\u0061":3})", R"([{"x":{"":1,"":2}}])"}) {
    EXPECT_THAT(JsonDocument::Parse(text), StatusIs(absl::StatusCode::kAlreadyExists)) << text;
  }
  EXPECT_THAT(JsonDocument::Parse(R"({"a":{"a":1},"A":["a","a"]})"), IsOk());
}

TEST(JsonDocumentTest, LimitsHoldAtTheirEdges) {
  EXPECT_THAT(JsonDocument::Parse(Nested(32)), IsOk());
  EXPECT_THAT(JsonDocument::Parse(Nested(33)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("32")));
  EXPECT_THAT(JsonDocument::Parse(Nested(1'000'000)), StatusIs(absl::StatusCode::kResourceExhausted));
  const JsonLimits four = {.depth_max = 2, .values_max = 4};
  EXPECT_THAT(JsonDocument::Parse("[1,2,3]", four), IsOk());
  EXPECT_THAT(JsonDocument::Parse("[1,2,3,4]", four), StatusIs(absl::StatusCode::kResourceExhausted));
  // The name of a member is a value, too.
  EXPECT_THAT(JsonDocument::Parse(R"({"a":1,"b":2})", four), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(JsonDocumentTest, BigInputsAreTakenWhole) {
  std::string text = "[";
  for (int i = 0; i < 300'000; ++i) text += "{\"a\":1},";
  text += "\"" + std::string(4 << 20, 'x') + "\"]";
  const auto document = JsonDocument::Parse(text);
  ASSERT_THAT(document, IsOk());
  EXPECT_THAT(document->root().Elements(), SizeIs(300'001));
  std::string json;
  document->root().AppendTo(&json);
  EXPECT_EQ(json, text);
}

TEST(JsonWriterTest, CommasComeByThemselves) {
  JsonWriter json;
  json.Begin('{').Member("a", "x\"y").Member("n", std::uint64_t{18'446'744'073'709'551'615U});
  json.Key("list")
      .Begin('[')
      .Number(std::int64_t{-1})
      .Bool(true)
      .Null()
      .Raw("{}")
      .Begin('[')
      .End(']')
      .End(']');
  json.Key("empty").Begin('{').End('}').End('}');
  EXPECT_EQ(json.Take(), R"({"a":"x\"y","n":18446744073709551615,"list":[-1,true,null,{},[]],"empty":{}})");
}

TEST(JsonDocumentTest, MembersAreTextsAndWholeNumbersOrNothing) {
  const auto document = JsonDocument::Parse(R"({"a":"x","b":7,"c":"8","d":-1,"e":1.5,"f":[9]})");
  ASSERT_THAT(document, IsOk());
  const JsonView root = document->root();
  EXPECT_EQ(root.TextOf("a"), "x");
  EXPECT_EQ(root.TextOf("b"), "7");
  EXPECT_EQ(root.TextOf("f"), "");
  EXPECT_EQ(root.TextOf("none"), "");
  EXPECT_EQ(root.NumberOf("b"), 7U);
  EXPECT_EQ(root.NumberOf("c"), 8U);
  for (const char* const name : {"a", "d", "e", "f", "none"}) EXPECT_EQ(root.NumberOf(name), 0U) << name;
}

}  // namespace
}  // namespace mirror::json_document_test
