#include "server/hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/server/hub/hub_bench.h"

namespace mirror {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(HubTest, OneCompanyInBothIsOneRecordAndIsInsertedNowhere) {  // S1
  crm_.Push({{1, "NO 1", "Ada", "Rome"}});
  erp_.Push({{7, "no-1", "Ada", "Rome"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 2);
  // Both were there at first: the member that is named first counts.
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));
  EXPECT_EQ(Fetch("erp").deliveries[0].columns.begin()->second.value, Literal(std::string("NO 1")));
}

TEST_F(HubTest, WhatOneLacksIsInsertedThereAndItsNewKeyIsAMember) {  // S3
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({});
  Derive();
  const HandedOut out = Fetch("erp");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_TRUE(out.whole);
  EXPECT_EQ(out.deliveries[0].operation, HubOperation::kInsert);
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Rome")));
  erp_.Push({{9, "1", "Ada", "Rome"}}, {LedgerRow(out.deliveries[0], 1, "[9]", AsGiven(out.deliveries[0]))});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE joined_by = 'origin'"), 1);
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
}

TEST_F(HubTest, AnEditGoesToTheOtherUnderTheLockOfWhatIsKnown) {
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm_.Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  const HandedOut out = Fetch("erp");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].key, "[7]");
  ASSERT_THAT(out.deliveries[0].columns, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Oslo")));
  EXPECT_EQ(out.deliveries[0].locked.at("city"), Literal(std::string("Rome")));
  // The same again, until it is done: its id stays.
  Derive();
  EXPECT_EQ(Fetch("erp").deliveries.at(0).id, out.deliveries[0].id);
}

TEST_F(HubTest, NothingIsHandedOutBeforeEverybodyWasRead) {  // S6
  crm_.Push({{1, "1", "Ada", "Rome"}});
  Derive();
  const HandedOut out = Fetch("crm");
  EXPECT_THAT(out.deliveries, IsEmpty());
  EXPECT_THAT(out.waiting, HasSubstr("'erp' was not read yet"));
}

TEST_F(HubTest, ACycleThatWasBrokenOffIsNotLookedAt) {
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({});
  Derive();
  crm_.BreakOff({{2, "2", "Bea", "Bern"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  const absl::StatusOr<std::vector<MemberState>> members = hub_->Members();
  ASSERT_THAT(members, IsOk());
  EXPECT_THAT(members->at(0).trouble, HasSubstr("waits for the rest"));
}

TEST_F(HubTest, ARestoredSourceSuspendsItsMemberUntilSomebodySaysWhatCounts) {  // S12
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm_.Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  const HubDelivery taken = Fetch("erp").deliveries.at(0);
  erp_.Push({{7, "1", "Ada", "Oslo"}}, {LedgerRow(taken, 1, "[7]", AsGiven(taken))}, Operation::kUpdate);
  Derive();
  crm_.RestoreSource(1);
  crm_.Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  EXPECT_THAT(hub_->Resume({{"crm", ResumeMode::kOurs}}, crm_.now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("completed no cycle since")));
  crm_.Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  EXPECT_THAT(hub_->Resume({{"crm", ResumeMode::kOurs}}, crm_.now()), IsOk());
  // Ours: the record's value is delivered.
  const HandedOut out = Fetch("crm");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Oslo")));
}

TEST_F(HubTest, ALostHubSuspendsAllAndHoldsWhatItDerives) {  // S11
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Oslo"}});
  Derive();
  hub_.reset();
  for (const char* const suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path() + suffix);
  Restart();
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  crm_.Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  erp_.Push({{7, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  ASSERT_THAT(hub_->Resume({{"crm", ResumeMode::kAsIs}, {"erp", ResumeMode::kAsIs}}, erp_.now()), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 2);
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  const absl::StatusOr<std::size_t> held = hub_->DecideHeld(true);
  ASSERT_THAT(held, IsOk());
  EXPECT_EQ(*held, 1U);
}

TEST_F(HubTest, ADeletedRowIsNotInsertedAgain) {  // S10
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Rome"}});
  Derive();
  erp_.Push({{7}}, {}, Operation::kDelete);
  Derive();
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());  // deletes = "none"
}

TEST_F(HubTest, OtherRulesAreDerivedAnewAndHeldUntilSomebodyCommits) {
  rules_.entities[0].attributes["city"] = {AttributeRule::Kind::kOrder, {"erp", "crm"}};
  hub_.reset();
  Restart();
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({{7, "1", "Ada", "Bern"}});
  Derive();
  ASSERT_THAT(Fetch("crm").deliveries, SizeIs(1));  // Bern, the ERP's word.
  rules_.entities[0].attributes["city"].order = {"crm", "erp"};
  hub_.reset();
  Restart();
  Derive();
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  ASSERT_THAT(hub_->DecideHeld(true), IsOk());
  const HandedOut out = Fetch("erp");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Rome")));
}

TEST_F(HubTest, ARestartKnowsWhereItWas) {
  crm_.Push({{1, "1", "Ada", "Rome"}});
  erp_.Push({});
  Derive();
  const std::string id = Fetch("erp").deliveries.at(0).id;
  hub_.reset();
  Restart();
  Derive();
  EXPECT_EQ(Fetch("erp").deliveries.at(0).id, id);
}

}  // namespace
}  // namespace mirror
