#include "base/http/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/status_matchers.h"

namespace mirror::http_target_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

TEST(HttpTargetTest, PathsAreDecodedPartByPart) {
  EXPECT_THAT(ParseHttpTarget("/", "")->segments, IsEmpty());
  EXPECT_THAT(ParseHttpTarget("/v4/storages/Acme", "")->segments, ElementsAre("v4", "storages", "Acme"));
  EXPECT_THAT(ParseHttpTarget("/a%20b/%C3%A4+%25", "")->segments, ElementsAre("a b", "\u00e4+%"));
}

TEST(HttpTargetTest, QueriesKeepTheirOrderAndWhatIsGivenTwice) {
  const auto target = ParseHttpTarget("/", "limit=10&externalId=a%2Cb&externalId=c+d%2F&&none&empty=");
  ASSERT_THAT(target, IsOk());
  EXPECT_THAT(target->query, ElementsAre(Pair("limit", "10"), Pair("externalId", "a,b"),
                                         Pair("externalId", "c d/"), Pair("none", ""), Pair("empty", "")));
  EXPECT_THAT(target->All("externalId"), ElementsAre("a,b", "c d/"));
  EXPECT_THAT(target->All("limits"), IsEmpty());
}

TEST(HttpTargetTest, WhatTwoProgramsMightReadOtherwiseIsRefused) {
  struct Case {
    std::string path, query, why;
  };
  for (const auto& [path, query, why] : std::vector<Case>{
           {"", "", "begin with"},
           {"a", "", "begin with"},
           {"/a%2Fb", "", "%2F"},
           {"/a%2fb", "", "%2F"},
           {"/a%00b", "", "control"},
           {"/a%0Ab", "", "control"},
           {"/a%7F", "", "control"},
           {"/a%", "", "two hexadecimal"},
           {"/a%4", "", "two hexadecimal"},
           {"/a%4g", "", "two hexadecimal"},
           {"/a%ff", "", "UTF-8"},
           {"/%C0%AF", "", "UTF-8"},
           {"/a//b", "", "empty"},
           {"/a/", "", "empty"},
           {"/a/../b", "", "'..'"},
           {"/a/%2E%2e/b", "", "'..'"},
           {"/a/./b", "", "'.'"},
           {"/a", "b=%00", "control"},
           {"/a", "%zz=b", "two hexadecimal"},
           {"/a", "b=%ff", "UTF-8"},
       }) {
    EXPECT_THAT(ParseHttpTarget(path, query), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)))
        << path << " " << query;
  }
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += "a&";
  EXPECT_THAT(ParseHttpTarget("/", many), IsOk());
  EXPECT_THAT(ParseHttpTarget("/", many + "a"), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace mirror::http_target_test
