// What mirrorctl shows of hubs, and what it says behind an act.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "tests/mirrorctl/admin_endpoint.h"

namespace mirror::hub_commands_test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using Json = nlohmann::ordered_json;

/// On one line, however it was wrapped.
std::string Joined(const std::string& text) {
  return absl::StrJoin(absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty()), " ");
}

class HubCommands : public AdminEndpoint {
 protected:
  void SetUp() override {
    AdminEndpoint::SetUp();
    v1::HubState* const hub = fake_.hubs.add_hubs();
    hub->set_storage("Acme");
    hub->set_records(16'020);
    v1::HubMemberState* const crm = hub->add_members();
    crm->set_data_source("crm");
    crm->set_context_id("Cust26759");
    crm->set_cycle(7);
    crm->set_read_ms(NowMs() - 300'000);
    crm->set_rows(15'607);
    crm->set_open(3);
    erp_ = hub->add_members();
    erp_->set_data_source("erp");
    erp_->set_context_id("Cust2");
    erp_->set_cycle(8);
    erp_->set_read_ms(NowMs() - 300'000);
    erp_->set_rows(12);
  }

  void Suspend(bool source_restored) {
    erp_->set_suspended_ms(NowMs() - 7'500'000);
    erp_->set_source_restored(source_restored);
  }

  static void Refuse(v1::GoldenDelivery* delivery) {
    delivery->set_delivery_id("d1");
    delivery->set_data_source("erp");
    delivery->set_table("customer");
    delivery->set_operation("UPDATE");
    delivery->set_key("[17]");
    delivery->set_state("OPEN");
    delivery->add_columns("NAME1");
    delivery->set_refusals(3);
    delivery->set_tried_again_ms(1'714'564'800'000);
    delivery->set_refusal("CHECK constraint failed: c\x1b[2J");
  }
  /// Two were, of which the server names one.
  void RefuseSome() {
    erp_->set_refused(2);
    fake_.refused.set_deliveries(2);
    v1::RefusedDelivery* const one = fake_.refused.add_refused();
    one->set_golden_id("g1");
    Refuse(one->mutable_delivery());
  }

  v1::HubMemberState* erp_ = nullptr;
};

TEST_F(HubCommands, WhatIsRefusedIsListedWithHowOftenAndWhy) {
  EXPECT_THAT(Run({"hub", "refused", "Acme"}).errors, HasSubstr("nothing of hub 'Acme' is refused"));
  EXPECT_THAT(Run({"hub", "refused", "Acme", "erp"}).errors,
              HasSubstr("'erp' refuses nothing of hub 'Acme'"));
  RefuseSome();
  const Finished listed = Run({"hub", "refused", "Acme", "erp", "--limit", "1", "--wide"});
  EXPECT_EQ(listed.exit_code, 0) << listed.errors;
  EXPECT_EQ(fake_.Calls().back(), "ListRefused storage: \"Acme\" data_source: \"erp\" limit: 1");
  EXPECT_EQ(
      listed.output,
      "to   table     operation  key   record  delivery  how often  next try              why\n"
      "erp  customer  UPDATE     [17]  g1      d1        3 times    2024-05-01T12:00:00Z  CHECK constraint "
      "failed: c\\x1b[2J\n");
  EXPECT_THAT(Joined(listed.errors), AllOf(HasSubstr("these are the oldest of 2; --limit N shows more"),
                                           HasSubstr("The source retries each delivery by itself")));
  const Json json = Json::parse(Run({"hub", "refused", "Acme", "--json"}).output);
  EXPECT_EQ(json[0]["golden_id"], "g1");
  EXPECT_EQ(json[0]["refusals"], 3);
  EXPECT_EQ(json[0]["tried_again_ms"], 1'714'564'800'000);
  EXPECT_EQ(json[0]["refusal"], "CHECK constraint failed: c\x1b[2J");
  EXPECT_EQ(json[0]["key"][0], 17);
}

TEST_F(HubCommands, StatusNamesTheFirstThatWereRefused) {
  RefuseSome();
  const Finished shown = Run({"hub", "status", "--wide"});
  EXPECT_THAT(shown.output, AllOf(HasSubstr("\nrefused of Acme, the oldest of 2:\nto   table "),
                                  HasSubstr("\nerp  customer  UPDATE     [17]  g1      d1        3 times ")));
  EXPECT_EQ(fake_.Calls().back(), "ListRefused storage: \"Acme\" limit: 5");
  EXPECT_THAT(
      Joined(shown.errors),
      HasSubstr("the source of 'erp' refuses 2 deliveries: 'mirrorctl hub refused Acme' shows which and "
                "why; correct in that system"));
  EXPECT_EQ(Json::parse(Run({"hub", "status", "--json"}).output)[0]["refused_deliveries"][0]["delivery_id"],
            "d1");

  fake_.refused_refusal = grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "the role is viewer");
  const Finished viewed = Run({"hub", "status"});
  EXPECT_EQ(viewed.exit_code, 0) << viewed.errors;
  EXPECT_THAT(viewed.output, Not(HasSubstr("refused of Acme")));
  EXPECT_THAT(Joined(viewed.errors), HasSubstr("the source of 'erp' refuses 2 deliveries"));
  EXPECT_TRUE(Json::parse(Run({"hub", "status", "--json"}).output)[0]["refused_deliveries"].is_null());
  erp_->set_refused(0);
  EXPECT_TRUE(Json::parse(Run({"hub", "status", "--json"}).output)[0]["refused_deliveries"].empty());
  EXPECT_EQ(fake_.Calls().back(), "ListHubs") << "there is nothing to ask for";
}

TEST_F(HubCommands, ExplainSaysWhyARecordsDeliveryIsRefused) {
  fake_.golden.set_golden_id("g1");
  Refuse(fake_.golden.add_deliveries());
  v1::GoldenDelivery* const other = fake_.golden.add_deliveries();
  other->set_delivery_id("d2");
  other->set_state("OPEN");
  const Finished shown = Run({"hub", "explain", "Acme", "g1"});
  EXPECT_THAT(shown.output,
              testing::EndsWith("\n\nrefused  by   how often  next try              why\n"
                                "d1       erp  3 times    2024-05-01T12:00:00Z  CHECK constraint failed: "
                                "c\\x1b[2J\n"))
      << "the other was not";
  EXPECT_THAT(Joined(shown.errors),
              HasSubstr("for the refused deliveries: correct in that system what the reason names"));
  EXPECT_EQ(Json::parse(Run({"hub", "explain", "Acme", "g1", "--json"}).output)["deliveries"][1]["refusals"],
            0);
  fake_.golden.mutable_deliveries(0)->set_refusals(0);
  EXPECT_THAT(Run({"hub", "explain", "Acme", "g1"}).output, Not(HasSubstr("how often")));
}

TEST_F(HubCommands, AHubThatStandsStillSaysSinceWhenAndWhy) {
  v1::HubState* const hub = fake_.hubs.mutable_hubs(0);
  hub->set_derived_ms(NowMs() - 7'500'000);
  EXPECT_THAT(Run({"hub", "status"}).output, HasSubstr("\nAcme: 16,020 golden records, derived 2 h ago\n"));
  hub->set_behind_since_ms(NowMs() - 20'000);
  EXPECT_EQ(Run({"hub", "status"}).errors, "") << "a derivation lasts so long";
  hub->set_behind_since_ms(NowMs() - 300'000);
  EXPECT_THAT(Joined(Run({"hub", "status"}).errors),
              AllOf(HasSubstr("hub 'Acme' has not yet derived records from what a member completed 5 min "
                              "ago"),
                    HasSubstr("'mirrorctl events --kind golden.not_derived'")));
  hub->set_failing("the disk is full");
  hub->set_failing_since_ms(NowMs() - 7'500'000);
  EXPECT_THAT(Joined(Run({"hub", "status"}).errors),
              AllOf(HasSubstr("hub 'Acme' has derived nothing for 2 h: the disk is full"),
                    Not(HasSubstr("5 min ago"))));
  hub->set_trouble("the hub's file is damaged");
  const Finished shown = Run({"hub", "status"});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.output, AllOf(HasSubstr("Acme     crm     not known"), Not(HasSubstr("golden records"))));
  EXPECT_THAT(Joined(shown.errors), HasSubstr("hub 'Acme' cannot be read: the hub's file is damaged"));
  const Json json = Json::parse(Run({"hub", "status", "--json"}).output)[0];
  EXPECT_EQ(json["failing"], "the disk is full");
  EXPECT_EQ(json["trouble"], "the hub's file is damaged");
  EXPECT_TRUE(json["behind_since_ms"].is_number());
}

TEST_F(HubCommands, StatusHasALineForEachMemberAndOneForEachHub) {
  erp_->set_trouble("its mirror \x1b[2J is not whole");
  erp_->set_last_conflicts(2);
  const Finished shown = Run({"hub", "status"});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_THAT(
      shown.output,
      AllOf(HasSubstr("storage  source  state      rows  open  held  dropped  refused  read   note\n"),
            HasSubstr("Acme     crm     read     15,607     3     0        0        0  5 min  -\n"),
            HasSubstr(
                "Acme     erp     failing      12     0     0        0        0  5 min  its mirror \\x1b"),
            HasSubstr("\nAcme: 16,020 golden records\n"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(Joined(shown.output), HasSubstr("2 conflicts in the last run"));
  EXPECT_EQ(shown.errors, "") << "nothing waits for anybody";
  EXPECT_EQ(Run({"hub", "status", "Acme"}).output, shown.output);
  EXPECT_EQ(fake_.Calls().back(), "ListHubs storage: \"Acme\"");

  const Json json = Json::parse(Run({"hub", "status", "--json"}).output);
  EXPECT_EQ(json[0]["storage"], "Acme");
  EXPECT_EQ(json[0]["members"][0]["open"], 3);
  EXPECT_TRUE(json[0]["members"][0]["suspended_ms"].is_null());
  EXPECT_EQ(json[0]["members"][1]["last_conflicts"], 2);
}

TEST_F(HubCommands, ItsTableFitsATerminal) {
  Suspend(true);
  const Finished shown =
      RunProgram("/usr/bin/env", {"COLUMNS=80", kBinary, "--config", Config(), "hub", "status"});
  for (const absl::string_view line : absl::StrSplit(shown.output, '\n')) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_THAT(shown.output, HasSubstr("restored"));
}

TEST_F(HubCommands, AServerWithoutAHubSaysHowOneIsMade) {
  fake_.hubs.clear_hubs();
  const Finished shown = Run({"hub", "status"});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(Joined(shown.errors),
              HasSubstr("there is no hub: each [[hub]] in mirror-server.toml makes one"));
}

TEST_F(HubCommands, WhatWaitsIsNamedWithTheCommandToType) {
  Suspend(false);
  EXPECT_THAT(Joined(Run({"hub", "status"}).errors),
              AllOf(HasSubstr("'erp' is suspended"), HasSubstr("'mirrorctl hub resume Acme'")));
  Suspend(true);
  erp_->set_held(1'200);
  EXPECT_THAT(
      Joined(Run({"hub", "status"}).errors),
      AllOf(HasSubstr("the source of 'erp' was restored"),
            HasSubstr("'mirrorctl hub resume Acme erp --take theirs'"), Not(HasSubstr("is suspended")),
            HasSubstr("1,200 deliveries of hub 'Acme' wait for your decision: 'mirrorctl hub hold "
                      "commit Acme'")));
}

TEST_F(HubCommands, ResumeSaysWhatCountsAndWhoStillWaits) {
  Suspend(true);
  fake_.resumed_hub.add_resumed("erp");
  const Finished one = Run({"hub", "resume", "Acme", "erp", "--take", "ours"});
  EXPECT_EQ(one.exit_code, 0) << one.errors;
  EXPECT_THAT(Joined(one.output),
              MatchesRegex("'erp' is resumed: the hub's values are written back to it. .*"));
  EXPECT_THAT(Joined(one.errors), HasSubstr("'mirrorctl hub resume Acme erp --take theirs'"))
      << "as it stands";
  EXPECT_THAT(fake_.Calls(),
              Contains("ResumeHub storage: \"Acme\" data_source: \"erp\" take: HUB_TAKE_OURS"));

  EXPECT_THAT(Joined(Run({"hub", "resume", "Acme", "--insert", "--without", "crm"}).output),
              HasSubstr("new records are also inserted in the other systems"));
  EXPECT_THAT(fake_.Calls(), Contains("ResumeHub storage: \"Acme\" insert: true without: \"crm\""));
  EXPECT_EQ(Json::parse(Run({"hub", "resume", "Acme", "--json"}).output)["resumed"][0], "erp");
}

TEST_F(HubCommands, ResumeOfWhatIsNotSuspendedSaysThatNothingWasDone) {
  const Finished one = Run({"hub", "resume", "Acme", "erp", "--take", "theirs"});
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_EQ(one.output, "");
  EXPECT_THAT(one.errors, HasSubstr("'erp' was not suspended: nothing was done"));
  EXPECT_THAT(Run({"hub", "resume", "Acme"}).errors, HasSubstr("no member is suspended"));
  EXPECT_THAT(Run({"hub", "resume", "Acme", "--without", "erp"}).errors,
              HasSubstr("no other member is suspended"));
}

TEST_F(HubCommands, ADryRunCountsAndNamesTheFirstDeliveries) {
  fake_.resumed_hub.add_resumed("erp");
  EXPECT_THAT(Joined(Run({"hub", "resume", "Acme", "--dry-run"}).errors),
              HasSubstr("'erp' would be resumed, and nothing would be written. Nothing was done"));
  v1::HubChange* const change = fake_.resumed_hub.add_changes();
  change->set_data_source("crm");
  change->set_table("company");
  change->set_operation("UPDATE");
  change->set_deliveries(1'200);
  change->set_held(1'100);
  v1::GoldenDelivery* const first = fake_.resumed_hub.add_first();
  first->set_data_source("crm");
  first->set_table("company");
  first->set_operation("UPDATE");
  first->set_key("[17]");
  first->set_state("HELD");
  first->add_columns("city");
  first->add_columns("name");
  const Finished shown = Run({"hub", "resume", "Acme", "--dry-run"});
  EXPECT_EQ(shown.exit_code, 0);
  EXPECT_THAT(shown.output, AllOf(HasSubstr("crm  company  UPDATE          1,200  1,100\n"),
                                  HasSubstr("the first 1:\n"), HasSubstr("[17]"), HasSubstr("city, name")));
  EXPECT_THAT(Joined(shown.errors), AllOf(HasSubstr("'erp' would be resumed"), Not(HasSubstr("wait"))));
  EXPECT_EQ(fake_.Calls().back(), "ResumeHub storage: \"Acme\" dry_run: true");
  const Json json = Json::parse(Run({"hub", "resume", "Acme", "--dry-run", "--json"}).output);
  EXPECT_EQ(json["changes"][0]["held"], 1'100);
  EXPECT_EQ(json["first"][0]["key"][0], 17);
  EXPECT_TRUE(json["first"][0]["delivery_id"].is_null());
}

TEST_F(HubCommands, RecordsAreMergedAndPartedByHand) {
  fake_.merged.set_golden_id("g1");
  EXPECT_THAT(Joined(Run({"hub", "merge", "Acme", "g1", "g2"}).output),
              HasSubstr("both are record 'g1' now"));
  EXPECT_THAT(fake_.Calls(), Contains("MergeGolden storage: \"Acme\" golden_ids: \"g1\" golden_ids: \"g2\""));
  EXPECT_EQ(Json::parse(Run({"hub", "merge", "Acme", "g1", "g2", "--json"}).output)["golden_id"], "g1");
  fake_.parted.set_golden_id("g3");
  const Finished parted = Run(
      {"hub", "part", "Acme", "g1", "--row", "crm", "company", "17", "--row", "erp", "company", "[\"a\"]"});
  EXPECT_EQ(parted.exit_code, 0) << parted.errors;
  EXPECT_THAT(Joined(parted.output),
              HasSubstr("2 rows are record 'g3' now, and no key joins it with 'g1' again"));
  EXPECT_THAT(fake_.Calls(), Contains(AllOf(HasSubstr("PartGolden"), HasSubstr("key: \"[17]\""),
                                            HasSubstr("key: \"[\\\"a\\\"]\""))));
  EXPECT_EQ(Run({"hub", "part", "Acme", "g1"}).exit_code, 2);
  EXPECT_EQ(Run({"hub", "part", "Acme", "g1", "--row", "crm", "company"}).exit_code, 2);
  EXPECT_EQ(Run({"hub", "merge", "Acme", "g1"}).exit_code, 2);
}

/// As a server would say it of a decision that is tried.
void FillPreview(v1::GoldenPreview* preview) {
  v1::GoldenOutcome* const record = preview->add_records();
  record->set_golden_id("g1");
  record->set_entity("company");
  record->set_rows(22);
  v1::GoldenMember* const row = record->add_members();
  row->set_data_source("crm");
  row->set_table("company");
  row->set_key("[17]");
  v1::HubChange* const change = preview->add_changes();
  change->set_data_source("erp");
  change->set_table("company");
  change->set_operation("UPDATE");
  change->set_deliveries(1);
  v1::GoldenDelivery* const first = preview->add_first();
  first->set_data_source("erp");
  first->set_table("company");
  first->set_operation("UPDATE");
  first->set_key("[7]");
  first->set_state("OPEN");
  first->add_columns("city");
  preview->set_withdrawn(2);
}

TEST_F(HubCommands, AMergeThatIsTriedShowsRowsAndDeliveriesAndIsNotDone) {
  fake_.merged.set_golden_id("g1");
  FillPreview(fake_.merged.mutable_preview());
  const Finished tried = Run({"hub", "merge", "Acme", "g1", "g2", "--dry-run"});
  EXPECT_EQ(tried.exit_code, 0) << tried.errors;
  EXPECT_THAT(tried.output,
              AllOf(HasSubstr("record  source  table    key\ng1      crm     company  [17]\n"),
                    HasSubstr("and 21 more rows\n"), HasSubstr("erp  company  UPDATE              1     0\n"),
                    HasSubstr("these are:\n"), HasSubstr("city\n")));
  EXPECT_EQ(Joined(tried.errors),
            "mirrorctl: both would be record 'g1', and this would be written; 2 deliveries that wait now "
            "would be withdrawn. Nothing was done");
  EXPECT_EQ(fake_.Calls().size(), 1U);
  EXPECT_THAT(fake_.Calls().back(), HasSubstr("dry_run: true"));
  const Json json = Json::parse(Run({"hub", "merge", "Acme", "g1", "g2", "--dry-run", "--json"}).output);
  EXPECT_EQ(json["golden_id"], "g1");
  EXPECT_EQ(json["records"][0]["rows"], 22);
  EXPECT_EQ(json["records"][0]["members"][0]["key"][0], 17);
  EXPECT_EQ(json["withdrawn"], 2);
  EXPECT_EQ(json["first"][0]["columns"][0], "city");
}

TEST_F(HubCommands, APartAndAThawAreTriedToo) {
  fake_.parted.mutable_preview()->add_records()->set_rows(0);
  const Finished part = Run({"hub", "part", "Acme", "g1", "--row", "crm", "company", "17", "--dry-run"});
  EXPECT_EQ(Joined(part.errors),
            "mirrorctl: 1 row would be a record of its own, which no key joins with 'g1' again, and nothing "
            "would be written. Nothing was done");
  fake_.thawed_hub.mutable_preview();
  EXPECT_THAT(Joined(Run({"hub", "thaw", "Acme", "--dry-run"}).errors),
              HasSubstr("nothing of hub 'Acme' is frozen. Nothing was done"));
  fake_.thawed_hub.set_records(3);
  FillPreview(fake_.thawed_hub.mutable_preview());
  const Finished thaw = Run({"hub", "thaw", "Acme", "--dry-run"});
  EXPECT_THAT(Joined(thaw.errors),
              HasSubstr("3 records of hub 'Acme' would be thawed, and this would be written"));
  EXPECT_EQ(Json::parse(Run({"hub", "thaw", "Acme", "--dry-run", "--json"}).output)["thawed"], 3);
  for (const std::string& call : fake_.Calls()) EXPECT_THAT(call, HasSubstr("dry_run: true"));
}

TEST_F(HubCommands, ARebuildThatIsTriedSaysWhatWouldBeLost) {
  fake_.rebuilt.add_suspended("crm");
  fake_.rebuilt.mutable_loss()->set_records(16'020);
  fake_.rebuilt.mutable_loss()->set_rows_by_hand(3);
  const Finished tried = Run({"hub", "rebuild", "Acme", "--dry-run"});
  EXPECT_EQ(tried.exit_code, 0) << tried.errors;
  EXPECT_THAT(tried.output, AllOf(HasSubstr("16,020\n"), HasSubstr("put there by hand")));
  EXPECT_THAT(Joined(tried.errors), HasSubstr("'crm' would be suspended until 'mirrorctl hub resume Acme'"));
  EXPECT_EQ(fake_.Calls().size(), 1U);
  EXPECT_EQ(fake_.Calls().back(), "RebuildHub storage: \"Acme\" dry_run: true");
  EXPECT_EQ(
      Json::parse(Run({"hub", "rebuild", "Acme", "--dry-run", "--json"}).output)["loss"]["rows_by_hand"], 3);
}

TEST_F(HubCommands, WhatWasDroppedIsListedAndHandedOut) {
  EXPECT_THAT(Run({"hub", "hold", "list", "Acme", "--dropped"}).errors,
              HasSubstr("nothing of hub 'Acme' was dropped"));
  EXPECT_EQ(fake_.Calls().back(), "ListHeld storage: \"Acme\" limit: 100 dropped: true");
  fake_.held.add_changes()->set_deliveries(1);
  v1::HeldDelivery* const one = fake_.held.add_held();
  one->set_golden_id("g1");
  one->mutable_delivery()->set_data_source("erp");
  one->mutable_delivery()->set_table("customer");
  one->mutable_delivery()->set_operation("UPDATE");
  one->mutable_delivery()->set_key("[17]");
  one->mutable_delivery()->set_state("DROPPED");
  const Finished listed = Run({"hub", "hold", "list", "Acme", "--dropped"});
  EXPECT_THAT(listed.output, HasSubstr("erp  customer  UPDATE     [17]  g1      dropped  -\n"));
  EXPECT_THAT(Joined(listed.errors), HasSubstr("'mirrorctl hub hold commit Acme --dropped'"));
  fake_.decided_hub.set_deliveries(1);
  EXPECT_THAT(Joined(Run({"hub", "hold", "commit", "Acme", "--dropped"}).output),
              HasSubstr("1 delivery of hub 'Acme' is handed out"));
  EXPECT_THAT(fake_.Calls(), Contains("DecideHub storage: \"Acme\" commit: true dropped: true"));
  EXPECT_EQ(Run({"hub", "hold", "rollback", "Acme", "--dropped"}).exit_code, 2);
}

TEST_F(HubCommands, RebuildWantsTheStorageOnceMore) {
  EXPECT_EQ(Run({"hub", "rebuild", "Acme"}).exit_code, 2);
  EXPECT_THAT(Run({"hub", "rebuild", "Acme", "--confirm", "Acm"}).errors,
              HasSubstr("must repeat the storage"));
  EXPECT_EQ(fake_.Calls().size(), 0U);
  fake_.rebuilt.add_suspended("crm");
  fake_.rebuilt.add_suspended("erp");
  EXPECT_THAT(Joined(Run({"hub", "rebuild", "Acme", "--confirm", "Acme"}).output),
              HasSubstr("hub 'Acme' was rebuilt. 'crm', 'erp' wait for 'mirrorctl hub resume'"));
  EXPECT_THAT(fake_.Calls(), Contains("RebuildHub storage: \"Acme\" confirm: \"Acme\""));
  fake_.rebuilt.clear_suspended();
  EXPECT_THAT(Joined(Run({"hub", "rebuild", "Acme", "--confirm", "Acme"}).output),
              HasSubstr("It had read no member"));
}

TEST_F(HubCommands, ResumeTakesWordsThatGoTogether) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"erp"},
                                                {"--take", "ours"},
                                                {"erp", "--take", "all"},
                                                {"erp", "--take", "ours", "--insert"},
                                                {"erp", "--take", "ours", "--without", "crm"}}) {
    std::vector<std::string> all = {"hub", "resume", "Acme"};
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_EQ(Run(all).exit_code, 2) << absl::StrJoin(all, " ");
  }
  EXPECT_EQ(Run({"hub", "explain", "Acme"}).exit_code, 2);
  EXPECT_EQ(Run({"hub", "explain", "Acme", "g1", "--row", "crm", "t", "1"}).exit_code, 2);
  EXPECT_EQ(fake_.Calls().size(), 0U);
}

TEST_F(HubCommands, DecisionsSayWhatBecomesOfTheDeliveries) {
  fake_.decided_hub.set_deliveries(1'200);
  EXPECT_THAT(Joined(Run({"hub", "hold", "commit", "Acme"}).output),
              HasSubstr("1,200 deliveries of hub 'Acme' are handed out"));
  EXPECT_THAT(fake_.Calls(), Contains("DecideHub storage: \"Acme\" commit: true"));
  EXPECT_THAT(Joined(Run({"hub", "hold", "rollback", "Acme"}).output),
              HasSubstr("1,200 deliveries of hub 'Acme' are dropped"));
  EXPECT_THAT(fake_.Calls(), Contains("DecideHub storage: \"Acme\""));
  EXPECT_EQ(Json::parse(Run({"hub", "hold", "commit", "Acme", "--json"}).output)["deliveries"], 1'200);
  fake_.decided_hub.set_deliveries(0);
  EXPECT_EQ(Run({"hub", "hold", "commit", "Acme"}).errors, "mirrorctl: nothing of hub 'Acme' was held\n");
}

TEST_F(HubCommands, WhatIsHeldIsListedWithoutValues) {
  EXPECT_THAT(Run({"hub", "hold", "list", "Acme"}).errors, HasSubstr("nothing of hub 'Acme' is held"));
  EXPECT_THAT(Joined(Run({"hub", "hold", "commit", "Acme", "--dry-run"}).errors),
              HasSubstr("nothing of hub 'Acme' is held. Nothing was done"));
  v1::HubChange* const change = fake_.held.add_changes();
  change->set_data_source("erp");
  change->set_table("customer");
  change->set_operation("UPDATE");
  change->set_deliveries(1'200);
  for (const v1::HeldWhy why : {v1::HELD_WHY_MANY, v1::HELD_WHY_UNSURE, v1::HELD_WHY_ANEW}) {
    v1::HeldDelivery* const one = fake_.held.add_held();
    one->set_golden_id("g1");
    one->set_why(why);
    one->mutable_delivery()->set_data_source("erp");
    one->mutable_delivery()->set_table("customer");
    one->mutable_delivery()->set_operation("UPDATE");
    one->mutable_delivery()->set_key("[17]");
    one->mutable_delivery()->set_state("HELD");
    one->mutable_delivery()->add_columns("NAME1");
  }
  const Finished listed = Run({"hub", "hold", "list", "Acme", "--limit", "3"});
  EXPECT_EQ(listed.output,
            "to   table     operation  key   record  why     columns\n"
            "erp  customer  UPDATE     [17]  g1      many    NAME1\n"
            "erp  customer  UPDATE     [17]  g1      unsure  NAME1\n"
            "erp  customer  UPDATE     [17]  g1      anew    NAME1\n");
  EXPECT_THAT(listed.errors, HasSubstr("these are the oldest of 1,200; --limit N shows more"));
  EXPECT_EQ(fake_.Calls().back(), "ListHeld storage: \"Acme\" limit: 3");
  const Json json = Json::parse(Run({"hub", "hold", "list", "Acme", "--json"}).output);
  EXPECT_EQ(json[1]["why"], "unsure");
  EXPECT_EQ(json[1]["golden_id"], "g1");
  EXPECT_EQ(json[1]["key"][0], 17);

  const Finished tried = Run({"hub", "hold", "commit", "Acme", "--dry-run"});
  EXPECT_THAT(tried.output,
              AllOf(HasSubstr("erp  customer  UPDATE          1,200\n"), HasSubstr("the first 3:\n")));
  EXPECT_THAT(Joined(tried.errors),
              HasSubstr("1,200 deliveries of hub 'Acme' would be handed out. Nothing was done"));
  EXPECT_THAT(Joined(Run({"hub", "hold", "rollback", "Acme", "--dry-run"}).errors),
              HasSubstr("would be dropped. Nothing was done"));
  EXPECT_EQ(fake_.Calls().back(), "ListHeld storage: \"Acme\" limit: 20");
  EXPECT_THAT(fake_.Calls(), Not(Contains(HasSubstr("DecideHub"))));
  EXPECT_EQ(
      Json::parse(
          Run({"hub", "hold", "commit", "Acme", "--dry-run", "--json"}).output)["changes"][0]["deliveries"],
      1'200);
}

TEST_F(HubCommands, AHubThatHoldsAllThatIsNewSaysHowThatEnds) {
  fake_.hubs.mutable_hubs(0)->set_holds_all(true);
  const Finished shown = Run({"hub", "status"});
  EXPECT_THAT(shown.output, HasSubstr("\nAcme: 16,020 golden records; all new deliveries are held\n"));
  EXPECT_THAT(
      Joined(shown.errors),
      AllOf(HasSubstr("all new deliveries are held, but there are none now. End this with 'mirrorctl hub "
                      "hold commit Acme'"),
            Not(HasSubstr("suspended"))));
  Suspend(false);
  EXPECT_THAT(Joined(Run({"hub", "status"}).errors), HasSubstr("when no member is suspended"));
  erp_->set_held(2);
  EXPECT_THAT(Joined(Run({"hub", "status"}).errors), Not(HasSubstr("there are none now")));
}

TEST_F(HubCommands, AMemberThatIsNotThereYetIsAbsentAndOneThatTakesNothingIsNamed) {
  erp_->set_absent(true);
  erp_->set_trouble("there is no tenant 'Cust2'");
  EXPECT_THAT(Run({"hub", "status"}).output, HasSubstr("Acme     erp     absent"));
  erp_->set_absent(false);
  erp_->set_trouble("");
  erp_->set_taking(v1::HUB_TAKING_DECLINES);
  const Finished declines = Run({"hub", "status"});
  EXPECT_THAT(declines.output, HasSubstr("accepts no deliveries\n"));
  EXPECT_THAT(Joined(declines.errors), AllOf(HasSubstr("the source of 'erp' accepts no deliveries"),
                                             HasSubstr("'accept' of its [[source]]")));
  erp_->set_taking(v1::HUB_TAKING_NEVER_ASKS);
  EXPECT_THAT(Joined(Run({"hub", "status"}).errors), HasSubstr("does not ask this server for deliveries"));
  EXPECT_EQ(Json::parse(Run({"hub", "status", "--json"}).output)[0]["members"][1]["taking"], "never_asks");
}

TEST_F(HubCommands, WhatIsFrozenIsCountedAndNamedWithTheCommands) {
  v1::HubState* const hub = fake_.hubs.mutable_hubs(0);
  hub->set_frozen_records(7);
  v1::FrozenRecord* const record = hub->add_frozen();
  record->set_entity("company");
  record->set_golden_id("g1");
  record->add_attributes("city");
  record->add_attributes("name");
  EXPECT_THAT(
      Joined(Run({"hub", "status"}).errors),
      AllOf(HasSubstr("systems overwrite each other's values in 7 golden records of hub 'Acme'; these "
                      "values are frozen: g1 (city, name), ..."),
            HasSubstr("'mirrorctl hub thaw Acme' delivers them again"),
            HasSubstr("'mirrorctl hub thaw Acme --dry-run' lists them")));
  const Json json = Json::parse(Run({"hub", "status", "--json"}).output)[0];
  EXPECT_EQ(json["frozen_records"], 7);
  EXPECT_EQ(json["frozen"][0]["attributes"][1], "name");
  *fake_.thawed_hub.add_frozen() = *record;
  fake_.thawed_hub.set_records(1);
  fake_.thawed_hub.mutable_preview();
  EXPECT_THAT(Run({"hub", "thaw", "Acme", "--dry-run"}).output, HasSubstr("company  g1      city, name\n"));
  EXPECT_EQ(Json::parse(Run({"hub", "thaw", "Acme", "--dry-run", "--json"}).output)["frozen"][0]["golden_id"],
            "g1");
}

TEST_F(HubCommands, ThawSaysWhatIsDeliveredAgain) {
  fake_.thawed_hub.set_records(1);
  EXPECT_THAT(Joined(Run({"hub", "thaw", "Acme"}).output), HasSubstr("thawed 1 record of hub 'Acme'"));
  EXPECT_EQ(Json::parse(Run({"hub", "thaw", "Acme", "g1", "--json"}).output)["records"], 1);
  EXPECT_THAT(fake_.Calls(), Contains("ThawHub storage: \"Acme\" golden_id: \"g1\""));
  fake_.thawed_hub.set_records(0);
  EXPECT_THAT(Run({"hub", "thaw", "Acme"}).errors, HasSubstr("nothing of hub 'Acme' is frozen"));
  EXPECT_THAT(Run({"hub", "thaw", "Acme", "g1"}).errors, HasSubstr("has no record 'g1'"));
}

TEST_F(HubCommands, ExplainShowsRowsValuesAndDeliveries) {
  fake_.golden.set_golden_id("g1");
  fake_.golden.set_entity("company");
  fake_.golden.add_had("crm");
  v1::GoldenMember* const row = fake_.golden.add_members();
  row->set_data_source("crm");
  row->set_table("company");
  row->set_key("[17]");
  row->set_joined_by("vat");
  row->set_unsure(true);
  row->set_touched_ms(1'714'564'800'000);
  v1::GoldenAttribute* const name = fake_.golden.add_attributes();
  name->set_name("name");
  name->set_value("\"Ada\x1b[2J\"");
  name->set_data_source("crm");
  name->set_table("company");
  name->set_key("[17]");
  name->set_frozen(true);
  v1::GoldenDelivery* const delivery = fake_.golden.add_deliveries();
  delivery->set_delivery_id("d1");
  delivery->set_data_source("erp");
  delivery->set_table("customer");
  delivery->set_operation("UPDATE");
  delivery->set_key("[\"NO\",3]");
  delivery->set_state("HELD");
  delivery->add_columns("NAME1");

  const Finished shown = Run({"hub", "explain", "Acme", "--row", "crm", "company", "17"});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_EQ(fake_.Calls().back(),
            "ExplainGolden storage: \"Acme\" data_source: \"crm\" table: \"company\" key: \"[17]\"");
  EXPECT_EQ(shown.output,
            "record  g1\nentity  company\nhad by  crm\n\n"
            "source  table    found by  changed               state   key\n"
            "crm     company  vat       2024-05-01T12:00:00Z  unsure  [17]\n\n"
            "attribute  given by          time  state   value\n"
            "name       crm company [17]  -     frozen  \"Ada\\x1b[2J\"\n\n"
            "delivery  to   table     operation  key       state  columns\n"
            "d1        erp  customer  UPDATE     [\"NO\",3]  HELD   NAME1\n");
  const Json json = Json::parse(Run({"hub", "explain", "Acme", "g0", "--json"}).output);
  EXPECT_EQ(json["members"][0]["key"][0], 17);
  EXPECT_EQ(json["attributes"][0]["frozen"], true);
  EXPECT_EQ(json["deliveries"][0]["columns"][0], "NAME1");
  EXPECT_THAT(Run({"hub", "explain", "Acme", "g0"}).errors, HasSubstr("'g0' is now part of this record"));

  Run({"hub", "explain", "Acme", "--row", "crm", "company", "NO"});
  EXPECT_THAT(fake_.Calls().back(), HasSubstr(R"(key: "[\"NO\"]")"));
  Run({"hub", "explain", "Acme", "--row", "crm", "company", "[\"NO\",3]"});
  EXPECT_THAT(fake_.Calls().back(), HasSubstr(R"(key: "[\"NO\",3]")"));
}

TEST_F(HubCommands, ExplainSaysThatARowHasNoMatchValue) {
  fake_.golden.set_golden_id("g1");
  fake_.golden.set_entity("company");
  v1::GoldenMember* const row = fake_.golden.add_members();
  row->set_data_source("crm");
  row->set_table("company");
  row->set_key("[17]");
  row->set_joined_by("first");
  row->set_without_match(true);
  const Finished shown = Run({"hub", "explain", "Acme", "--row", "crm", "company", "17"});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_THAT(shown.output, HasSubstr("crm     company  first     -        no match value  [17]\n"));
  EXPECT_THAT(shown.errors, HasSubstr("nothing is inserted elsewhere for it"));
  EXPECT_EQ(
      Json::parse(Run({"hub", "explain", "Acme", "g1", "--json"}).output)["members"][0]["without_match"],
      true);
  row->set_without_match(false);
  EXPECT_EQ(Run({"hub", "explain", "Acme", "g1"}).errors, "");
}

TEST_F(HubCommands, DuplicatesAreWithinARecordOrStandApart) {
  v1::Duplicate* const within = fake_.duplicates.add_duplicates();
  within->set_entity("company");
  within->add_golden_ids("g1");
  within->set_data_source("crm");
  within->set_rows(2);
  v1::Duplicate* const apart = fake_.duplicates.add_duplicates();
  apart->set_entity("company");
  apart->add_golden_ids("g1");
  apart->add_golden_ids("g2");
  const Finished shown = Run({"hub", "duplicates", "Acme", "--limit", "2"});
  EXPECT_EQ(shown.output,
            "entity   what    source  rows  records\n"
            "company  within  crm        2  g1\n"
            "company  apart   -          -  g1 g2\n");
  EXPECT_THAT(shown.errors, HasSubstr("--limit N shows more"));
  EXPECT_EQ(fake_.Calls().back(), "ListDuplicates storage: \"Acme\" limit: 2");
  EXPECT_EQ(Json::parse(Run({"hub", "duplicates", "Acme", "--json"}).output)[1]["golden_ids"][1], "g2");
  fake_.duplicates.clear_duplicates();
  EXPECT_THAT(Run({"hub", "duplicates", "Acme"}).errors, HasSubstr("knows of no duplicates"));
}

TEST_F(HubCommands, ARefusalIsTheServersOwnWords) {
  fake_.not_found = "there is no hub 'Nope'";
  for (const std::vector<std::string>& words : {std::vector<std::string>{"hub", "thaw", "Nope"},
                                                {"hub", "hold", "commit", "Nope"},
                                                {"hub", "resume", "Nope"},
                                                {"hub", "explain", "Nope", "g1"}}) {
    const Finished refused = Run(words);
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.errors, HasSubstr("NOT_FOUND: there is no hub 'Nope'"));
  }
}

}  // namespace
}  // namespace mirror::hub_commands_test
