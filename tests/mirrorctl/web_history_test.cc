// What the page of a table's history is given; tests/browser looks at the page itself.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/interruption.h"
#include "tests/mirrorctl/admin_endpoint.h"
#include "tools/mirrorctl/web/live_feed.h"
#include "tools/mirrorctl/web/page_history.h"
#include "tools/mirrorctl/web/web_api.h"

namespace mirror::web_history_test {
namespace {

void AddVersion(v1::ReadRowHistoryResponse* answer, std::int64_t from, std::int64_t until, bool is_insert,
                const std::string& row) {
  v1::ReadRowHistoryResponse::Version* const version = answer->add_versions();
  version->set_from_moment(from);
  version->set_to_moment(until);
  version->set_is_insert(is_insert);
  version->set_row(row);
}

v1::DiffPart Difference(const std::string& key, const std::string& before, const std::string& after,
                        const std::string& column = "") {
  v1::DiffPart part;
  part.mutable_row()->set_key(key);
  part.mutable_row()->set_before(before);
  part.mutable_row()->set_after(after);
  if (!column.empty()) part.mutable_row()->add_columns(column);
  return part;
}

v1::DiffPart End() {
  v1::DiffPart part;
  part.mutable_end();
  return part;
}

TEST(RowHistoryJsonTest, ChangedCellsAreMarkedAndNullIsNoText) {
  v1::ReadRowHistoryResponse answer;
  answer.set_table("people");
  answer.set_known_from(3);
  answer.set_complete(true);
  AddVersion(&answer, 9, 0, false, R"({"zip":"8000","name":"<b>","age":37})");
  AddVersion(&answer, 5, 9, false, R"({"zip":"8000","name":null,"age":37})");
  AddVersion(&answer, 0, 5, false, R"({"zip":"8000","name":"","age":36})");
  const Json json = RowHistoryJson(answer);
  EXPECT_EQ(json["table"], "people");
  EXPECT_EQ(json["known_from"], 3);
  EXPECT_EQ(json["complete"], true);
  EXPECT_EQ(json["columns"], (Json{"zip", "name", "age"}));
  ASSERT_EQ(json["versions"].size(), 3U);
  EXPECT_EQ(json["versions"][0]["cells"], (Json{"8000", "<b>", "37"}));
  EXPECT_EQ(json["versions"][1]["cells"], (Json{"8000", nullptr, "37"}));
  EXPECT_EQ(json["versions"][0]["changed"], Json::array({1}));
  EXPECT_EQ(json["versions"][1]["changed"], Json::array({1, 2}));
  EXPECT_EQ(json["versions"][2]["changed"], Json::array());
  EXPECT_TRUE(json["versions"][0]["to_moment"].is_null());
  EXPECT_TRUE(json["versions"][2]["operation"].is_null());
  for (const Json& version : json["versions"]) EXPECT_EQ(version["deleted"], false);
}

TEST(RowHistoryJsonTest, ARowThatCameBackChangedNothingOfTheOneThatWasDeleted) {
  v1::ReadRowHistoryResponse answer;
  AddVersion(&answer, 7, 8, true, R"({"id":"1","name":"Bob"})");
  AddVersion(&answer, 2, 4, true, R"({"id":"1","name":"Ada"})");
  const Json json = RowHistoryJson(answer);
  ASSERT_EQ(json["versions"].size(), 2U);
  for (const Json& version : json["versions"]) {
    EXPECT_EQ(version["deleted"], true);
    EXPECT_EQ(version["changed"], Json::array());
    EXPECT_EQ(version["operation"], "INSERT");
  }
}

TEST(RowHistoryJsonTest, ThereMayHaveBeenNoSuchRow) {
  const Json json = RowHistoryJson(v1::ReadRowHistoryResponse());
  EXPECT_EQ(json["columns"], Json::array());
  EXPECT_EQ(json["versions"], Json::array());
}

TEST(PageDiffTest, OfAChangedRowOnlyWhatDiffersIsShownAndOfOthersAll) {
  PageDiff diff;
  v1::DiffPart header;
  header.mutable_header()->set_table("a table");
  header.mutable_header()->mutable_from()->set_moment(3);
  header.mutable_header()->mutable_to()->set_moment(9);
  EXPECT_TRUE(diff.Take(header));
  EXPECT_TRUE(diff.Take(
      Difference(R"(["17"])", R"({"id":"17","name":"Ada"})", R"({"id":"17","name":null})", "name")));
  EXPECT_TRUE(diff.Take(Difference(R"(["O'Neill",2.5])", "", R"({"a":"O'Neill","b":2.5})")));
  EXPECT_TRUE(diff.Take(Difference(R"(["007"])", R"({"id":"007"})", "")));
  EXPECT_FALSE(diff.is_whole());
  EXPECT_TRUE(diff.Take(End()));
  EXPECT_TRUE(diff.is_whole());
  const Json json = diff.ToJson("Cust");
  EXPECT_EQ(json["more"], false);
  EXPECT_EQ(json["command"], "mirrorctl diff Cust 'a table' --from m:3 --to m:9");
  ASSERT_EQ(json["rows"].size(), 3U);
  EXPECT_EQ(json["rows"][0],
            Json::parse(R"({"key":"17","columns":["name"],"before":["Ada"],"after":[null]})"));
  EXPECT_EQ(json["rows"][1],
            Json::parse(
                R"({"key":"'O''Neill', 2.5","columns":["a","b"],"before":null,"after":["O'Neill","2.5"]})"));
  EXPECT_EQ(json["rows"][2],
            Json::parse(R"({"key":"'007'","columns":["id"],"before":["007"],"after":null})"));
}

TEST(PageDiffTest, NoMoreRowsAreTakenThanAPageShowsAndThatThereAreMoreIsSaid) {
  PageDiff diff;
  for (std::size_t i = 0; i < kDifferencesMax; ++i)
    ASSERT_TRUE(diff.Take(Difference(absl::StrCat("[\"", i, "\"]"), "", R"({"id":"1"})")));
  PageDiff all = diff;
  EXPECT_TRUE(all.Take(End()));
  EXPECT_EQ(all.ToJson("Cust")["more"], false);
  EXPECT_FALSE(diff.Take(Difference(R"(["x"])", "", R"({"id":"1"})")));
  EXPECT_TRUE(diff.is_whole());
  EXPECT_EQ(diff.ToJson("Cust")["more"], true);
  EXPECT_EQ(diff.ToJson("Cust")["rows"].size(), kDifferencesMax);
}

TEST(PageDiffTest, LargeValuesEndAPageSooner) {
  PageDiff diff;
  const std::string large(kDifferenceBytesMax, 'x');
  EXPECT_TRUE(diff.Take(Difference(R"(["1"])", "", absl::StrCat(R"({"id":")", large, "\"}"))));
  EXPECT_FALSE(diff.Take(Difference(R"(["2"])", "", R"({"id":"2"})")));
  EXPECT_EQ(diff.ToJson("Cust")["more"], true);
}

class WebHistoryTest : public AdminEndpoint {};

TEST_F(WebHistoryTest, WhatTheServerDoesNotAnswerIsToldToThePage) {
  const Interruption interruption;
  const ControlConfig config = LoadControlConfig(Config()).value();
  LiveFeed feed(config, interruption);
  // Whether the fake knows the calls or not.
  fake_.refusal = {grpc::StatusCode::INTERNAL, "it cannot be read"};
  WebApi api(config, /*is_operator=*/true, feed, interruption);
  for (const char* const call : {"history", "diff"}) {
    const HttpTarget target{{"api", "tenants", "Cust", call},
                            {{"table", "people"}, {"key", "17"}, {"from", "m:1"}}};
    const HttpAnswer answer = api.Answer("GET", target, "");
    EXPECT_GE(answer.status, 500) << call;
    EXPECT_FALSE(Json::parse(answer.body)["error"].get<std::string>().empty()) << call;
  }
}

}  // namespace
}  // namespace mirror::web_history_test
