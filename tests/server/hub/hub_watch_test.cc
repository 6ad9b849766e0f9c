// How hubs stand, for who waits for none of them.

#include "server/hub/hub_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mirror::hub_watch_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Key;
using testing::SizeIs;

class HubWatchTest : public testing::Test {
 protected:
  HubWatchTest() {
    rules_.storage = "Acme";
    rules_.data_sources = {"crm", "erp"};
    HubEntity& entity = rules_.entities.emplace_back();
    entity.name = "company";
    for (const std::string& name : rules_.data_sources) {
      entity.members.push_back({.data_source = name, .table = "company", .updates = name == "erp"});
    }
    watch_.Keep({"Acme"});
  }

  static HubStanding Standing() {
    HubStanding standing{.records = 7, .derived_ms = 10'000};
    for (const char* const name : {"crm", "erp"}) {
      MemberState& member = standing.members.emplace_back();
      member.data_source = name;
      member.feed.cycle = 3;
      member.feed.at = 9'000;
    }
    return standing;
  }
  void Note(HubStanding standing, std::int64_t now_ms = 20'000) {
    watch_.Note(rules_, std::move(standing), {"CRM-1", "erp"}, now_ms);
  }
  WatchedHub Only() const {
    const std::vector<WatchedHub> all = watch_.All();
    EXPECT_THAT(all, SizeIs(1));
    return all.empty() ? WatchedHub{} : all.front();
  }
  std::shared_ptr<const TenantInHub> Of(const std::string& folded) const {
    const auto all = watch_.OfTenants();
    const auto one = all.find(folded);
    return one == all.end() ? nullptr : one->second;
  }
  void Complete(const std::string& context_id, std::int64_t at_ms, bool is_records = false) {
    TenantSummary summary;
    if (is_records) summary.issuer = kRecordsIssuer;
    if (!is_records) summary.completed_ms = at_ms;
    Tenants::Seen seen{.context_id = context_id, .summary = std::make_shared<const TenantSummary>(summary)};
    if (is_records) seen.progress_ms = at_ms;
    watch_.NoteCompleted({seen});
  }

  HubRules rules_;
  HubWatch watch_;
};

TEST_F(HubWatchTest, OfAHubThatNobodyLookedAtItsNameIsKnown) {
  EXPECT_FALSE(Only().looked);
  EXPECT_THAT(watch_.OfTenants(), IsEmpty());
  EXPECT_TRUE(watch_.Waits());
  EXPECT_TRUE(watch_.IsDue("Acme", false, 20'000));
  EXPECT_FALSE(watch_.IsDue("Other", false, 20'000));
  Note(Standing());
  EXPECT_TRUE(Only().looked);
  EXPECT_EQ(Only().standing.records, 7U);
  EXPECT_THAT(watch_.OfTenants(), ElementsAre(Key("crm-1"), Key("erp")));
  EXPECT_EQ(Of("crm-1")->storage, "Acme");
  EXPECT_EQ(Of("crm-1")->stopped, "");
  watch_.Keep({"Other", "Acme"});
  EXPECT_THAT(watch_.All(), SizeIs(2));
  EXPECT_TRUE(watch_.All()[1].looked) << "what is known of it stays";
  watch_.Keep({"Other"});
  EXPECT_THAT(watch_.OfTenants(), IsEmpty());
  Note(Standing());
  EXPECT_EQ(Only().storage, "Other") << "one that is gone does not come back by a late look";
}

TEST_F(HubWatchTest, ASuspendedMemberIsToldSinceWhenAndWhy) {
  HubStanding standing = Standing();
  standing.members[0].feed.suspended = 1'714'564'800'000;
  Note(standing);
  EXPECT_EQ(Of("crm-1")->suspended_ms, 1'714'564'800'000);
  EXPECT_TRUE(Of("crm-1")->Waits());
  EXPECT_THAT(Of("crm-1")->stopped, AllOf(HasSubstr("suspended in hub 'Acme' since 2024-05-01T12:00:00Z"),
                                          HasSubstr("a mirror, the hub or the server was restored"),
                                          HasSubstr("'mirrorctl hub status Acme'")));
  EXPECT_THAT(Of("erp")->stopped, HasSubstr("of records that 'crm' never had, as that member is suspended"));
  EXPECT_FALSE(Of("erp")->Waits());
  standing.members[0].trouble = "table 'company' has no column 'vat'";
  Note(standing);
  EXPECT_THAT(Of("crm-1")->stopped, HasSubstr("has no column 'vat'"));
  standing.members[0].feed.own_restore = true;
  Note(standing);
  EXPECT_THAT(Of("crm-1")->stopped, HasSubstr("its source was restored"));
}

TEST_F(HubWatchTest, WhatKeepsDeliveriesFromAMemberIsNamedUnlessNoneIsForIt) {
  HubStanding standing = Standing();
  standing.members[0].feed.cycle = 0;
  standing.members[0].trouble = "its cycle is under way";
  Note(standing);
  EXPECT_THAT(Of("erp")->stopped, HasSubstr("nothing before 'crm' has completed a cycle"));
  EXPECT_EQ(Of("crm-1")->stopped, "") << "the hub writes nothing there";
  standing.members[1].trouble = "the disk failed";
  Note(standing);
  EXPECT_THAT(Of("erp")->stopped, HasSubstr("cannot read it: the disk failed"));
  watch_.NoteFailed("Acme", "the file is damaged", 30'000);
  EXPECT_THAT(Of("erp")->stopped, HasSubstr("derives nothing: the file is damaged"));
  standing.members[1].figures = {.open = 5, .held = 2, .refused = 1};
  Note(standing);
  EXPECT_EQ(Of("erp")->open, 5U);
  EXPECT_EQ(Of("erp")->held, 2U);
  EXPECT_EQ(Of("erp")->refused, 1U);
  EXPECT_TRUE(Of("erp")->Waits());
  EXPECT_FALSE(Of("crm-1")->Waits());
  standing.frozen = {.records = 2, .of_data_source = {{"crm", 2}}};
  Note(standing);
  EXPECT_EQ(Of("crm-1")->frozen, 2U);
  EXPECT_TRUE(Of("crm-1")->Waits());
}

TEST_F(HubWatchTest, AFailureCountsFromItsFirstUntilADerivationGoesWell) {
  watch_.NoteFailed("Acme", "locked", 30'000);
  watch_.NoteFailed("Acme", "still locked", 35'000);
  EXPECT_EQ(Only().failing, "still locked");
  EXPECT_EQ(Only().failing_since_ms, 30'000);
  watch_.NoteDerived("Acme", 40'000);
  EXPECT_EQ(Only().failing, "");
  EXPECT_EQ(Only().failing_since_ms, 0);
  EXPECT_EQ(Only().standing.derived_ms, 40'000);
  watch_.NoteFailed("Other", "of no hub", 30'000);
  watch_.NoteDerived("Other", 50'000);
  EXPECT_EQ(Only().standing.derived_ms, 40'000);
}

TEST_F(HubWatchTest, AHubIsBehindSinceTheFirstCycleThatItDidNotDerive) {
  Note(Standing());
  Complete("crm-1", 9'500);
  EXPECT_EQ(Only().behind_since_ms, 0) << "it was derived behind that";
  Complete("Nobody", 15'000);
  EXPECT_EQ(Only().behind_since_ms, 0) << "no member's";
  Complete("crm-1", 15'000);
  EXPECT_EQ(Only().behind_since_ms, 15'000);
  Complete("CRM-1", 75'000);
  EXPECT_EQ(Only().behind_since_ms, 15'000) << "cycle after cycle does not make it younger";
  watch_.NoteDerived("Acme", 14'000);
  EXPECT_EQ(Only().behind_since_ms, 15'000) << "it began before";
  watch_.NoteDerived("Acme", 80'000);
  EXPECT_EQ(Only().behind_since_ms, 0);
  Complete("crm-1", 75'000);
  EXPECT_EQ(Only().behind_since_ms, 0);
  Complete("erp", 90'000, /*is_records=*/true);
  EXPECT_EQ(Only().behind_since_ms, 90'000) << "records come without cycles";
}

TEST_F(HubWatchTest, WhatAnotherServerDerivedEndsThatToo) {
  Note(Standing());
  Complete("crm-1", 15'000);
  HubStanding later = Standing();
  later.derived_ms = 16'000;
  Note(later);
  EXPECT_EQ(Only().behind_since_ms, 0);
  Complete("crm-1", 15'000);
  EXPECT_EQ(Only().behind_since_ms, 0);
  Note(Standing());
  EXPECT_EQ(Only().standing.derived_ms, 16'000) << "a look that was overtaken";
}

TEST_F(HubWatchTest, AHubThatDerivesAgainAndAgainIsLookedAtNowAndThen) {
  Note(Standing(), 20'000);
  EXPECT_FALSE(watch_.Waits());
  EXPECT_FALSE(watch_.IsDue("Acme", false, 100'000)) << "nothing changed";
  EXPECT_TRUE(watch_.IsDue("Acme", true, 100'000)) << "another server may have changed it";
  EXPECT_FALSE(watch_.IsDue("Acme", true, 20'000 + kHubStandMs - 1));
  watch_.NoteDerived("Acme", 21'000);
  EXPECT_TRUE(watch_.Waits());
  EXPECT_FALSE(watch_.IsDue("Acme", false, 21'000));
  EXPECT_TRUE(watch_.IsDue("Acme", false, 20'000 + kHubStandMs));
  EXPECT_TRUE(watch_.IsDue("Acme", false, 5'000)) << "the clock was set back";
  watch_.NoteUnseen("Acme", 30'000);
  EXPECT_FALSE(watch_.IsDue("Acme", false, 30'001)) << "it could not be looked at";
  EXPECT_TRUE(watch_.Waits());
}

}  // namespace
}  // namespace mirror::hub_watch_test
