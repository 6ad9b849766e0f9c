// What is erased in a member, and what is old, leaves the hub.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/hub/plan/forget.h"
#include "tests/server/hub/hub_bench.h"

namespace mirror::hub_forget_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kName[] = "Xanthippe Secretissima";
constexpr std::int64_t kDayMs = 86'400'000;
constexpr char kForgotten[] = "SELECT count(*) FROM _hub_feeds WHERE forgotten <> erased";

class HubForgetTest : public HubTest {
 protected:
  /// Deletes a row of the CRM, and has an operator erase it.
  void Erase(std::int64_t id) {
    crm().Push({{id}}, {}, Operation::kDelete);
    Derive();
    Erase(crm(), id);
  }
  void Erase(HubSource& source, std::int64_t id) {
    ASSERT_THAT(source.tenant()->EraseRow({"company", absl::StrCat(id), false}, source.now()), IsOk());
  }
};

TEST_P(HubForgetTest, WhatWasErasedInAMemberIsInNoByteOfTheHub) {
  crm().Push({{1, "1", kName, "Rome"}, {2, "2", "Bea", "Bern"}});
  erp().Push({{8, "2", "Bea", "Bern"}});
  Derive();
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));  // It stands in a delivery, too.
  crm().Push({{1}}, {}, Operation::kDelete);
  Derive();
  EXPECT_TRUE(place_->HoldsOnDisk(kName));
  Erase(crm(), 1);
  Derive();
  EXPECT_FALSE(place_->HoldsOnDisk(kName));
  EXPECT_TRUE(place_->HoldsOnDisk("Bern"));
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company WHERE name IS NOT NULL"), 1);
}

TEST_P(HubForgetTest, AnErasureIsForgottenAlsoWhereSomebodySpoiledTheMirrorsNoteOfTheHub) {
  crm().Push({{1, "1", kName, "Rome"}, {2, "2", "Bea", "Bern"}});
  erp().Push({{8, "2", "Bea", "Bern"}});
  Derive();
  crm().Push({{1}}, {}, Operation::kDelete);
  Derive();
  place_->ChangeMirror("crm", "UPDATE _mirror_documents SET text = 'no JSON' WHERE kind = 'feed'");
  Erase(crm(), 1);
  Derive();
  EXPECT_TRUE(place_->HoldsOnDisk(kName)) << "the hub does not know this mirror any more";
  const std::int64_t suspended = now();
  for (HubSource* const source : {&crm(), &erp()}) source->PushBehind(suspended);
  ASSERT_THAT(hub_->Resume({{"crm", ResumeMode::kTheirs}, {"erp", ResumeMode::kTheirs}}, now()), IsOk());
  Derive();
  EXPECT_FALSE(place_->HoldsOnDisk(kName));
}

TEST_P(HubForgetTest, AWordThatOnlyTheErasedRowHadSaidGoesAndWhatTheSystemMadeOfItCounts) {
  crm().Push({{1, "1", kName, "Rome"}});
  erp().Push({});
  Derive();
  const HubDelivery made = Fetch("erp").deliveries.at(0);
  Wrote wrote = AsGiven(made);
  wrote.at("name").result = std::string("XANTHIPPE");
  erp().Push({{7, "1", "XANTHIPPE", "Rome"}}, {LedgerRow(made, 1, "[7]", wrote)});
  Derive();
  ASSERT_EQ(place_->AskText("SELECT name FROM golden_company"), kName);
  crm().Push({{1}}, {}, Operation::kDelete);
  Derive();
  // A deletion alone forgets nothing of what was agreed on.
  ASSERT_EQ(place_->AskText("SELECT name FROM golden_company"), kName);
  Erase(crm(), 1);
  Derive();
  EXPECT_EQ(place_->AskText("SELECT name FROM golden_company"), "XANTHIPPE");
  EXPECT_FALSE(place_->HoldsOnDisk(kName));
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
}

TEST_P(HubForgetTest, WhatAHoldDroppedIsErasedWithItsRecord) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  hub_.reset();
  rules_.entities[0].attributes["name"] = {AttributeRule::Kind::kOrder, {"crm", "erp"}};
  Restart();
  crm().Push({{1, "1", kName, "Rome"}}, {}, Operation::kUpdate);
  Derive();
  ASSERT_THAT(hub_->DecideHeld(false), IsOkAndHolds(1U));
  ASSERT_EQ(Count("SELECT count(*) FROM _hub_deliveries WHERE state = 3"), 1);
  Erase(1);
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_deliveries"), 0);
  EXPECT_FALSE(place_->HoldsOnDisk(kName));
}

TEST_P(HubForgetTest, WhatTheConfigurationNamesNoMoreIsErasedWithWhateverIs) {
  HubEntity person = rules_.entities[0];
  person.name = "person";
  for (HubMember& member : person.members) member.table = "person";
  const HubRules both = rules_;
  rules_.entities[0].name = "person";
  Restart();
  crm().Push({{1, "1", kName, "Rome"}});
  erp().Push({});
  Derive();
  ASSERT_EQ(Count("SELECT count(*) FROM golden_person WHERE name IS NOT NULL"), 1);
  hub_.reset();
  rules_ = both;
  rules_.data_sources = {"erp"};
  rules_.entities[0].members.erase(rules_.entities[0].members.begin());
  Restart();
  Derive();
  ASSERT_TRUE(place_->HoldsOnDisk(kName));
  erp().Push({{7, "7", "Eve", "Ulm"}});
  erp().Push({{7}}, {}, Operation::kDelete);
  Erase(erp(), 7);
  Derive();
  EXPECT_FALSE(place_->HoldsOnDisk(kName));
  EXPECT_EQ(Count("SELECT count(*) FROM golden_person"), 0);
}

TEST_P(HubForgetTest, AHubThatWasNotReadSaysThatItMayHoldIt) {
  crm().Push({{1, "1", kName, "Rome"}});
  erp().Push({});
  Derive();
  crm().Push({{1}}, {}, Operation::kDelete);
  Erase(crm(), 1);
  missing_ = {"crm"};
  EXPECT_THAT(hub_->Forget("crm", now()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("may still hold what was erased in 'crm'")));
  EXPECT_TRUE(place_->HoldsOnDisk(kName));
  missing_.clear();
  EXPECT_THAT(hub_->Forget("crm", now()), IsOk());
  EXPECT_FALSE(place_->HoldsOnDisk(kName));
  EXPECT_THAT(hub_->Forget("shop", now()), IsOk());  // Nothing of it was ever known.
}

TEST_P(HubForgetTest, WhileAProgramReadsItAnErasureIsNotDoneAndIsTriedAgain) {
  crm().Push({{1, "1", kName, "Rome"}});
  erp().Push({});
  Derive();
  crm().Push({{1}}, {}, Operation::kDelete);
  Derive();
  Erase(crm(), 1);
  {
    const auto reader = place_->ReadOn();
    Derive();  // All else goes on.
    EXPECT_THAT(Fetch("crm").waiting, IsEmpty());
    const absl::Status waits = hub_->Rewrite(now());
    EXPECT_THAT(waits, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("tried again")));
    EXPECT_EQ(Count(kForgotten), 1);
  }
  // Once a minute, and not with each derivation, which a reader would hold up.
  Derive();
  EXPECT_THAT(hub_->Rewrite(now() + kRewriteAgainMs - 1), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(place_->HoldsOnDisk(kName));
  EXPECT_THAT(hub_->Rewrite(now() + kRewriteAgainMs), IsOk());
  EXPECT_FALSE(place_->HoldsOnDisk(kName));
  EXPECT_EQ(Count(kForgotten), 0);
}

TEST_P(HubForgetTest, WhatWasForgottenIsForgottenOnceAndAStartRewritesWhatWaits) {
  crm().Push({{1, "1", kName, "Rome"}, {2, "2", "Bea", "Bern"}});
  erp().Push({});
  Derive();
  Erase(1);
  {
    const auto reader = place_->ReadOn();
    Derive();
  }
  // All records were planned anew for it. With the next derivation none is.
  hub_.reset();
  place_->Change("UPDATE _hub_records SET had = '[]'");
  Restart();
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_records WHERE had <> '[]'"), 0);
  EXPECT_FALSE(place_->HoldsOnDisk(kName));
  EXPECT_EQ(Count(kForgotten), 0);
}

TEST_P(HubForgetTest, AHubThatWasMadeAnewHasNothingToRewrite) {
  crm().Push({{1, "1", kName, "Rome"}});
  erp().Push({});
  Derive();
  Erase(1);
  {
    const auto reader = place_->ReadOn();
    Derive();
  }
  ASSERT_THAT(hub_->Rewrite(now()), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_THAT(hub_->Rebuild(now()), IsOk());
  EXPECT_THAT(hub_->Rewrite(now()), IsOk());
}

TEST_P(HubForgetTest, ARecordWithoutRowsIsForgottenBehind400DaysWithAllThatWasInIt) {
  crm().Push({{1, "1", "Ada", "Rome"}, {2, "2", "Bea", "Bern"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  const std::string issued = "SELECT count(*) FROM _hub_issued";
  ASSERT_EQ(Count(issued), 1);  // Bea's, for the ERP.
  ASSERT_THAT(hub_->Decide({.golden_id = place_->AskText("SELECT min(golden_id) FROM golden_company"),
                            .other_id = place_->AskText("SELECT max(golden_id) FROM golden_company")},
                           now()),
              IsOk());
  ASSERT_EQ(Count("SELECT count(*) FROM golden_alias"), 1);
  crm().Push({{1}, {2}}, {}, Operation::kDelete);
  erp().Push({{7}}, {}, Operation::kDelete);
  Derive();
  ASSERT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  const std::int64_t empty = now();
  ASSERT_THAT(hub_->Derive(empty + 400 * kDayMs - 10'000), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_alias"), 1);
  ASSERT_THAT(hub_->Derive(empty + 400 * kDayMs + 10'000), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 0);
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_records"), 0);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_alias"), 0);
  EXPECT_EQ(Count(issued), 0);
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_keys"), 0);
}

TEST_P(HubForgetTest, ARecordThatGotARowAgainIsAsYoungAsThat) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  const HubDelivery made = Fetch("erp").deliveries.at(0);
  crm().Push({{1}}, {}, Operation::kDelete);
  Derive();
  ASSERT_EQ(Count("SELECT count(*) FROM _hub_records WHERE empty_since IS NOT NULL"), 1);
  // The ERP had fetched it already.
  erp().Push({{7, "1", "Ada", "Rome"}}, {LedgerRow(made, 1, "[7]", AsGiven(made))});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_records WHERE empty_since IS NOT NULL"), 0);
  ASSERT_THAT(hub_->Derive(now() + 500 * kDayMs), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company WHERE name = 'Ada'"), 1);
}

TEST_P(HubForgetTest, AnInsertThatIsOpenIsRememberedHoweverOld) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  ASSERT_THAT(hub_->Derive(now() + 500 * kDayMs), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_issued"), 1);
  // Applied and read, it is as old as the last look at it while it was open.
  const HubDelivery made = Fetch("erp").deliveries.at(0);
  erp().Push({{7, "1", "Ada", "Rome"}}, {LedgerRow(made, 1, "[7]", AsGiven(made))});
  ASSERT_THAT(hub_->Derive(now() + 501 * kDayMs), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE joined_by = 'origin'"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_issued"), 1);
  ASSERT_THAT(hub_->Derive(now() + 902 * kDayMs), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_issued"), 0);
}

TEST_P(HubForgetTest, OneDerivationForgetsSoManyAtMost) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  hub_.reset();
  const auto file = place_->OpenHub(rules_);
  ASSERT_THAT(file.status(), IsOk());
  ASSERT_THAT((*file)->Transact([](HubBook& book) {
    for (std::size_t i = 0; i < kForgottenMax + 5; ++i) {
      const GoldenRecord old = {.id = absl::StrCat("old", i), .entity = "company", .empty_since = 1};
      if (absl::Status status = book.WriteRecord(old, {}); !status.ok()) return status;
      if (absl::Status status = book.WriteIssued(absl::StrCat("d", i), "other", 1); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }),
              IsOk());
  Restart();
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 6);
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_issued"), 5);
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_issued"), 0);
}

TEST_P(HubForgetTest, NothingIsForgottenForItsAgeWhileAMemberIsSuspended) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  crm().Push({{1}}, {}, Operation::kDelete);
  Derive();
  crm().RestoreSource(1);
  crm().Push({{1, "1", "Ada", "Rome"}});
  Derive();
  ASSERT_THAT(hub_->Derive(now() + 500 * kDayMs), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
}

TEST_P(HubForgetTest, AMirrorThatWasInNoHubMeanwhileIsComparedWhole) {
  crm().Push({{1, "1", "Ada", "Rome"}, {2, "2", "Bea", "Bern"}});
  erp().Push({{7, "1", "Ada", "Rome"}, {8, "2", "Bea", "Bern"}});
  Derive();
  hub_.reset();
  crm().Open(false, events_);
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  crm().Push({{2}}, {}, Operation::kDelete);
  crm().Open(true, events_);
  Restart();
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, IsEmpty());
  HandedOut out = Fetch("erp");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Oslo")));
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 3);
  // Once: what is new is read row by row again.
  crm().Push({{1, "1", "Ada", "Ulm"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_rows WHERE data_source = 'crm' AND read_at = (SELECT time FROM "
                  "_hub_state)"),
            1);
}

TEST_P(HubForgetTest, AJournalThatWasTrimmedBeforeItWasReadIsAComparisonOfAllRows) {
  crm().Push({{1, "1", "Ada", "Rome"}, {2, "2", "Bea", "Bern"}});
  erp().Push({{7, "1", "Ada", "Rome"}, {8, "2", "Bea", "Bern"}});
  Derive();
  for (const char* const city : {"Oslo", "Ulm", "Linz"}) {
    crm().Push({{1, "1", "Ada", city}}, {}, Operation::kUpdate);
  }
  crm().tenant()->TrimJournal(crm().now() + kDayMs);
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, IsEmpty());
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));
  EXPECT_EQ(Fetch("erp").deliveries[0].columns.at("city").value, Literal(std::string("Linz")));
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_rows WHERE data_source = 'crm' AND read_at = (SELECT time FROM "
                  "_hub_state)"),
            2);
}

INSTANTIATE_TEST_SUITE_P(Stores, HubForgetTest, testing::Bool(), NameOfStore);

}  // namespace
}  // namespace mirror::hub_forget_test
