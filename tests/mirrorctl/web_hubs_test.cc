// What the page of hubs is given, and what it has done; tests/browser looks at the page itself.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/interruption.h"
#include "tests/mirrorctl/admin_endpoint.h"
#include "tools/mirrorctl/web/live_feed.h"
#include "tools/mirrorctl/web/web_api.h"

namespace mirror::web_hubs_test {
namespace {

using testing::Contains;

class WebHubs : public AdminEndpoint {
 protected:
  HttpAnswer Ask(const std::string& method, const HttpTarget& target, const std::string& body = "") {
    const Interruption interruption;
    const ControlConfig config = LoadControlConfig(Config()).value();
    LiveFeed feed(config, interruption);
    return WebApi(config, /*is_operator=*/true, feed, interruption).Answer(method, target, body);
  }
  Json Get(const HttpTarget& target) {
    const HttpAnswer answer = Ask("GET", target);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body);
  }
  Json Post(const std::string& act, const std::string& body) {
    const HttpAnswer answer = Ask("POST", {{"api", "hubs", "Acme", act}, {}}, body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body);
  }
};

TEST_F(WebHubs, HubsAndDuplicatesAreAsMirrorctlShowsThem) {
  fake_.hubs.add_hubs()->set_storage("Acme");
  fake_.hubs.mutable_hubs(0)->add_members()->set_data_source("crm");
  EXPECT_EQ(Get({{"api", "hubs"}, {}})["hubs"][0]["members"][0]["data_source"], "crm");
  fake_.duplicates.add_duplicates()->add_golden_ids("g1");
  EXPECT_EQ(Get({{"api", "hubs", "Acme", "duplicates"}, {}})["duplicates"][0]["golden_ids"][0], "g1");
}

TEST_F(WebHubs, ARecordIsAskedForByItsIdOrByARow) {
  fake_.golden.set_golden_id("g1");
  EXPECT_EQ(Get({{"api", "hubs", "Acme", "golden"}, {{"id", "g1"}}})["golden_id"], "g1");
  EXPECT_EQ(fake_.Calls().back(), "ExplainGolden storage: \"Acme\" golden_id: \"g1\"");
  Get({{"api", "hubs", "Acme", "golden"}, {{"source", "crm"}, {"table", "company"}, {"key", "[17]"}}});
  EXPECT_EQ(fake_.Calls().back(),
            "ExplainGolden storage: \"Acme\" data_source: \"crm\" table: \"company\" key: \"[17]\"");
}

TEST_F(WebHubs, ActsSayWhatWasDone) {
  fake_.decided_hub.set_deliveries(7);
  EXPECT_EQ(Post("commit", "{}")["deliveries"], 7);
  EXPECT_THAT(fake_.Calls(), Contains("DecideHub storage: \"Acme\" commit: true"));
  EXPECT_EQ(Post("rollback", "{}")["deliveries"], 7);
  EXPECT_THAT(fake_.Calls(), Contains("DecideHub storage: \"Acme\""));
  fake_.thawed_hub.set_records(2);
  EXPECT_EQ(Post("thaw", R"({"golden_id":"g1"})")["records"], 2);
  EXPECT_THAT(fake_.Calls(), Contains("ThawHub storage: \"Acme\" golden_id: \"g1\""));
  fake_.resumed_hub.add_resumed("erp");
  EXPECT_EQ(Post("resume", R"({"data_source":"erp","take":"ours"})")["resumed"][0], "erp");
  EXPECT_THAT(fake_.Calls(),
              Contains("ResumeHub storage: \"Acme\" data_source: \"erp\" take: HUB_TAKE_OURS"));
  EXPECT_EQ(Ask("POST", {{"api", "hubs", "Acme", "forget"}, {}}, "{}").status, 404);
  EXPECT_EQ(Ask("POST", {{"api", "hubs", "Acme", "part"}, {}}, R"({"rows":[7]})").status, 400);
  EXPECT_EQ(Ask("POST", {{"api", "hubs", "Acme", "resume"}, {}}, R"({"take":7})").status, 400);
}

TEST_F(WebHubs, AResumeIsCountedBeforeItIsAskedFor) {
  v1::ServerInfo* const server = fake_.servers.add_servers();  // A server of before would act.
  server->set_here(true);
  server->set_version("0.2.0");
  v1::HubChange* const change = fake_.resumed_hub.add_changes();
  change->set_data_source("erp");
  change->set_table("customer");
  change->set_operation("UPDATE");
  change->set_deliveries(1'200);
  change->set_held(1'100);
  const Json counted = Post("resume", R"({"data_source":"erp","take":"theirs","dry_run":true})");
  EXPECT_EQ(counted["tables"][0]["table"], "UPDATE in erp customer");
  EXPECT_EQ(counted["tables"][0]["rows"], 1'200);
  EXPECT_EQ(counted["tables"][0]["objects"][0], "1,100 of them held");
  EXPECT_EQ(counted["token"], "");
  EXPECT_EQ(fake_.Calls().back(),
            "ResumeHub storage: \"Acme\" data_source: \"erp\" take: HUB_TAKE_THEIRS dry_run: true");
  fake_.resumed_hub.clear_changes();
  EXPECT_EQ(Post("resume", R"({"dry_run":true})")["notes"][0], "Nothing would be written.");
}

TEST_F(WebHubs, WhatIsHeldIsShownAndCountedBeforeItIsDecided) {
  v1::ServerInfo* const server = fake_.servers.add_servers();
  server->set_here(true);
  server->set_version("0.2.0");
  v1::HubChange* const change = fake_.held.add_changes();
  change->set_data_source("erp");
  change->set_table("customer");
  change->set_operation("INSERT");
  change->set_deliveries(3);
  change->set_held(3);
  v1::HeldDelivery* const one = fake_.held.add_held();
  one->set_golden_id("g1");
  one->set_why(v1::HELD_WHY_UNSURE);
  one->mutable_delivery()->set_data_source("erp");
  const Json held = Get({{"api", "hubs", "Acme", "held"}, {}});
  EXPECT_EQ(held["changes"][0]["deliveries"], 3);
  EXPECT_EQ(held["first"][0]["golden_id"], "g1");
  EXPECT_EQ(held["first"][0]["why"], "unsure");
  for (const char* const act : {"commit", "rollback"}) {
    const Json counted = Post(act, R"({"dry_run":true})");
    EXPECT_EQ(counted["tables"][0]["table"], "INSERT in erp customer");
    EXPECT_EQ(counted["tables"][0]["objects"].size(), 0U);
    EXPECT_EQ(fake_.Calls().back(), "ListHeld storage: \"Acme\" limit: 100") << "nothing is decided";
  }
  EXPECT_EQ(Ask("POST", {{"api", "hubs", "Acme", "rebuild"}, {}}, R"({"dry_run":true})").status, 404);
}

TEST_F(WebHubs, WhatADecisionAboutRecordsWouldWriteIsCountedBeforeItIsMade) {
  v1::ServerInfo* const server = fake_.servers.add_servers();
  server->set_here(true);
  server->set_version("0.2.0");
  const auto fill = [](v1::GoldenPreview* preview) {
    v1::HubChange* const change = preview->add_changes();
    change->set_data_source("erp");
    change->set_table("customer");
    change->set_operation("UPDATE");
    change->set_deliveries(3);
    change->set_held(1);
  };
  fill(fake_.thawed_hub.mutable_preview());
  fill(fake_.merged.mutable_preview());
  fill(fake_.parted.mutable_preview());
  for (const char* const act : {"thaw", "merge", "part"}) {
    const Json counted = Post(act, R"({"golden_id":"g1","other_id":"g2","dry_run":true})");
    EXPECT_EQ(counted["tables"][0]["table"], "UPDATE in erp customer") << act;
    EXPECT_EQ(counted["tables"][0]["rows"], 3) << act;
    EXPECT_EQ(counted["tables"][0]["objects"][0], "1 of them held") << act;
    EXPECT_THAT(fake_.Calls().back(), testing::HasSubstr("dry_run: true")) << act;
  }
}

TEST_F(WebHubs, WhatIsRefusedIsShown) {
  fake_.refused.set_deliveries(120);
  v1::RefusedDelivery* const one = fake_.refused.add_refused();
  one->set_golden_id("g1");
  one->mutable_delivery()->set_refusals(3);
  one->mutable_delivery()->set_refusal("no");
  const Json refused = Get({{"api", "hubs", "Acme", "refused"}, {}});
  EXPECT_EQ(fake_.Calls().back(), "ListRefused storage: \"Acme\" limit: 100");
  EXPECT_EQ(refused["deliveries"], 120);
  EXPECT_EQ(refused["first"][0]["golden_id"], "g1");
  EXPECT_EQ(refused["first"][0]["refusals"], 3);
  EXPECT_EQ(refused["first"][0]["refusal"], "no");
}

TEST_F(WebHubs, RecordsAreMergedAndPartedAndAHubIsMadeAnew) {
  fake_.golden.add_members()->set_key("[9007199254740993]");
  EXPECT_EQ(Get({{"api", "hubs", "Acme", "golden"}, {{"id", "g1"}}})["members"][0]["key_text"],
            "[9007199254740993]");
  fake_.merged.set_golden_id("g1");
  EXPECT_EQ(Post("merge", R"({"golden_id":"g1","other_id":"g2"})")["golden_id"], "g1");
  EXPECT_EQ(fake_.Calls().back(), "MergeGolden storage: \"Acme\" golden_ids: \"g1\" golden_ids: \"g2\"");
  fake_.parted.set_golden_id("g3");
  const char* const rows =
      R"({"golden_id":"g1","rows":[{"data_source":"erp","table":"company","key":"[2]"}]})";
  EXPECT_EQ(Post("part", rows)["golden_id"], "g3");
  EXPECT_EQ(fake_.Calls().back(),
            "PartGolden storage: \"Acme\" golden_id: \"g1\" rows { data_source: \"erp\" table: "
            "\"company\" key: \"[2]\" }");
  fake_.rebuilt.add_suspended("crm");
  EXPECT_EQ(Post("rebuild", R"({"confirm":"Acme"})")["suspended"][0], "crm");
  EXPECT_EQ(fake_.Calls().back(), "RebuildHub storage: \"Acme\" confirm: \"Acme\"");
}

TEST_F(WebHubs, WhatTheServerRefusesIsToldToThePage) {
  fake_.refusal = {grpc::StatusCode::PERMISSION_DENIED, "only an operator"};
  const HttpAnswer refused = Ask("POST", {{"api", "hubs", "Acme", "commit"}, {}}, "{}");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(Json::parse(refused.body)["error"], "PERMISSION_DENIED: only an operator");
}

}  // namespace
}  // namespace mirror::web_hubs_test
