#include "server/hub/hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "tests/server/hub/hub_bench.h"

namespace mirror::hub_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_P(HubTest, OneCompanyInBothIsOneRecordAndIsInsertedNowhere) {  // S1
  crm().Push({{1, "NO 1", "Ada", "Rome"}});
  erp().Push({{7, "no-1", "Ada", "Rome"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 2);
  // Both were there at first: the member that is named first counts.
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));
  EXPECT_EQ(Fetch("erp").deliveries[0].columns.begin()->second.value, Literal(std::string("NO 1")));
}

TEST_P(HubTest, OneNameInTwoFormsOfUnicodeIsOneRecord) {
  crm().Push({{1, "\u00c5\u00c4\u00d6 1", "Ada", "Rome"}});
  erp().Push({{7, "A\u030aA\u0308O\u0308-1", "Ada", "Rome"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
}

TEST_P(HubTest, ALetterWithAMarkIsAnotherLetter) {
  crm().Push({{1, "Moller-7", "Ada", "Rome"}});
  erp().Push({{7, "Mo\u0308ller-7", "Bea", "Oslo"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 2);
}

TEST_P(HubTest, WhatOneLacksIsInsertedThereAndItsNewKeyIsAMember) {  // S3
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  const HandedOut out = Fetch("erp");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_TRUE(out.whole);
  EXPECT_EQ(out.deliveries[0].operation, HubOperation::kInsert);
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Rome")));
  erp().Push({{9, "1", "Ada", "Rome"}}, {LedgerRow(out.deliveries[0], 1, "[9]", AsGiven(out.deliveries[0]))});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE joined_by = 'origin'"), 1);
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
}

TEST_P(HubTest, AnEditGoesToTheOtherUnderTheLockOfWhatIsKnown) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
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

TEST_P(HubTest, AnotherFormOfANumberIsAnEditWhereSomebodyTypedIt) {
  TableSchema untyped = Companies();
  untyped.columns[3] = AnyColumn("city", Affinity::kBlob);
  crm().SetTable(untyped);
  erp().SetTable(untyped);
  crm().Push({{1, "1", "Ada", "1067"}, {2, "2", "Bea", "2026-01-02 03:04"}, {3, "3", "Cy", 7}});
  erp().Push({{4, "1", "Ada", "1067"}, {5, "2", "Bea", "2026-01-02 03:04"}, {6, "3", "Cy", 7}});
  Derive();
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(0));
  // All rows come at once, so the hub compares them.
  crm().PopulateNext();
  crm().Push({{1, "1", "Ada", "01067"}, {2, "2", "Bea", "2026-01-02T03:04"}, {3, "3", "Cy", "07"}});
  Derive();
  std::map<std::string, Literal> given;
  for (const HubDelivery& delivery : Fetch("erp").deliveries) {
    given[delivery.key] = delivery.columns.at("city").value;
  }
  EXPECT_EQ(given, (std::map<std::string, Literal>{{"[4]", std::string("01067")},
                                                   {"[5]", std::string("2026-01-02T03:04")},
                                                   {"[6]", std::string("07")}}));
}

TEST_P(HubTest, ANumberThatADatabaseWritesInAnotherFormIsNobodysEdit) {
  TableSchema sums = Companies();
  sums.columns[3] = AnyColumn("city", Affinity::kBlob);
  crm().SetTable(sums);
  crm().Push({{1, "1", "Ada", 7}});
  erp().Push({{4, "1", "Ada", "Rome"}});
  Derive();
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));
  const HubDelivery taken = Fetch("erp").deliveries.at(0);
  crm().PopulateNext();
  crm().Push({{1, "1", "Ada", "7.00"}});
  Derive();
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));
  EXPECT_EQ(Fetch("erp").deliveries.at(0).id, taken.id);
}

TEST_P(HubTest, ALateRowJoinsTheOldestOfTheRecordsThatWentWhateverItIsFoundBy) {
  rules_.entities[0].match = {{"name"}, {"vat"}};
  Restart();
  crm().Push({{1, "1", "Bea", "Rome"}, {2, "2", "Ada", "Bern"}});
  Derive();
  const std::string bea = place_->AskText("SELECT golden_id FROM golden_company WHERE name = 'Bea'");
  crm().Push({{1}, {2}}, {}, Operation::kDelete);
  Derive();
  ASSERT_EQ(Count("SELECT count(*) FROM golden_company_member"), 0);
  // The first one is found by Ada's name and by Bea's number, the second one by Ada's number.
  erp().Push({{7, "1", "Ada", "Oslo"}, {8, "2", "Dan", "Ulm"}, {9, "8", "Cy", "Kars"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 3);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE joined_by = 'vat'"), 2);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE joined_by = 'first'"), 1);
  EXPECT_EQ(place_->AskText("SELECT golden_id FROM golden_company_member WHERE key = '[7]'"), bea);
}

TEST_P(HubTest, WhatWasDeletedBeforeAMemberJoinedIsNotMadeAgain) {
  crm().Push({{1, "1", "Ada", "Rome"}, {2, "2", "Bea", "Bern"}});
  Derive();
  crm().Push({{1}}, {}, Operation::kDelete);
  Derive();
  Restart();
  // An old row of the company that went, and one of a company that nobody had.
  erp().Push({{7, "-1", "Ada", "Oslo"}, {9, "3", "Cy", "Ulm"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE joined_by = 'vat'"), 1);
  const std::vector<HubDelivery> made = Fetch("crm").deliveries;
  ASSERT_THAT(made, SizeIs(1));
  EXPECT_EQ(made[0].columns.at("name").value, Literal(std::string("Cy")));
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 3);
  // Whoever makes it again wants it to be there: it is that record's.
  crm().Push({{5, "1", "Ada", "Rome"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 3);
}

TEST_P(HubTest, WhatSomebodyMakesAgainIsInsertedWhereItWas) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{2, "2", "Bea", "Bern"}});
  Derive();
  crm().Push({{1}}, {}, Operation::kDelete);
  Derive();
  // No first reading: somebody of that system entered it.
  erp().Push({{7, "1", "Ada", "Oslo"}});
  Derive();
  std::set<std::string> inserted;
  for (const HubDelivery& delivery : Fetch("crm").deliveries) {
    inserted.insert(std::get<std::string>(delivery.columns.at("name").value));
  }
  EXPECT_EQ(inserted, (std::set<std::string>{"Ada", "Bea"}));
}

TEST_P(HubTest, NothingIsHandedOutBeforeEverybodyWasRead) {  // S6
  crm().Push({{1, "1", "Ada", "Rome"}});
  Derive();
  const HandedOut out = Fetch("crm");
  EXPECT_THAT(out.deliveries, IsEmpty());
  EXPECT_THAT(out.waiting, HasSubstr("'erp' was not read yet"));
}

TEST_P(HubTest, WhoLooksDoesNotWaitForADerivation) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  const std::string golden_id = place_->AskText("SELECT golden_id FROM golden_company");
  std::future<void> looks;
  std::future_status seen = std::future_status::timeout;
  deriving_ = [&] {
    if (looks.valid()) return;
    looks = std::async(std::launch::async, [&] {
      const absl::StatusOr<HubStanding> standing = hub_->Stand();
      ASSERT_THAT(standing, IsOk());
      EXPECT_EQ(standing->records, 1U);
      EXPECT_EQ(standing->members.at(1).figures.open, 1U);
      EXPECT_THAT(hub_->Explain(golden_id).status(), IsOk());
      EXPECT_THAT(hub_->ListHeld(1).status(), IsOk());
      EXPECT_THAT(hub_->ListRefused("erp", 1).status(), IsOk());
      EXPECT_THAT(hub_->FindDuplicates(1).status(), IsOk());
    });
    seen = looks.wait_for(std::chrono::seconds(30));
  };
  Derive();
  deriving_ = nullptr;
  ASSERT_TRUE(looks.valid());
  looks.get();
  EXPECT_EQ(seen, std::future_status::ready);
}

TEST_P(HubTest, WhoLooksSeesWhatWasCommittedLast) {
  crm().Push({{1, "1", "Ada", "Rome"}, {2, nullptr, "Bea", "Bern"}});
  erp().Push({});
  Derive();
  EXPECT_EQ(hub_->Stand()->members.at(1).figures.open, 1U);
  EXPECT_TRUE(hub_->ExplainRow({"crm", "company", "[2]"})->rows.at(0).indexed.empty());
  EXPECT_FALSE(hub_->ExplainRow({"crm", "company", "[1]"})->rows.at(0).indexed.empty());
  const auto writer = place_->OpenHub(rules_);
  ASSERT_THAT(writer.status(), IsOk());
  ASSERT_THAT((*writer)->Transact([&](HubBook& book) {
    absl::Status held = book.HoldFresh("erp", true);
    EXPECT_EQ(hub_->Stand()->members.at(1).figures.open, 1U);
    return held;
  }),
              IsOk());
  missing_ = {"crm"};
  Derive();
  EXPECT_THAT(hub_->Stand()->members.at(0).trouble, HasSubstr("not there yet"));
  missing_.clear();
  Derive();
  EXPECT_EQ(hub_->Stand()->members.at(0).trouble, "");
  ASSERT_THAT(hub_->Rebuild(now()).status(), IsOk());
  // Of the file that was made anew.
  EXPECT_TRUE(hub_->Stand()->holds_all);
  hub_->Close();
  EXPECT_THAT(hub_->Stand().status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("were just changed")));
}

TEST_P(HubTest, ACycleThatWasBrokenOffIsNotLookedAt) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  crm().BreakOff({{2, "2", "Bea", "Bern"}});
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  const absl::StatusOr<HubStanding> standing = hub_->Stand();
  ASSERT_THAT(standing, IsOk());
  EXPECT_THAT(standing->members.at(0).trouble, HasSubstr("waits for the rest"));
}

TEST_P(HubTest, ARestoredSourceSuspendsItsMemberUntilSomebodySaysWhatCounts) {  // S12
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  const HubDelivery taken = Fetch("erp").deliveries.at(0);
  erp().Push({{7, "1", "Ada", "Oslo"}}, {LedgerRow(taken, 1, "[7]", AsGiven(taken))}, Operation::kUpdate);
  Derive();
  crm().RestoreSource(1);
  crm().Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  EXPECT_THAT(hub_->Resume({{"crm", ResumeMode::kOurs}}, crm().now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("completed no cycle since")));
  crm().Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  EXPECT_THAT(hub_->Resume({{"crm", ResumeMode::kOurs}}, crm().now()), IsOk());
  // Ours: the record's value is delivered.
  const HandedOut out = Fetch("crm");
  ASSERT_THAT(out.deliveries, SizeIs(1));
  EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string("Oslo")));
}

TEST_P(HubTest, ASourceThatKnowsOfALaterCycleThanItsMirrorSuspendsAll) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm().Claim(1);
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  EXPECT_THAT(Fetch("erp").waiting, HasSubstr("suspended"));
}

TEST_P(HubTest, ASourceThatClaimsACycleThatNoServerGaveIsSuspendedAlone) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm().Claim(1'000'000'000'000);
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  EXPECT_THAT(Fetch("erp").waiting, IsEmpty());
}

TEST_P(HubTest, ALostHubSuspendsAllAndHoldsWhatItDerives) {  // S11
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Oslo"}});
  Derive();
  hub_.reset();
  place_->LoseHub();
  Restart();
  Derive();
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  crm().Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  erp().Push({{7, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  ASSERT_THAT(hub_->Resume({{"crm", ResumeMode::kAsIs}, {"erp", ResumeMode::kAsIs}}, erp().now()), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 2);
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  const absl::StatusOr<Hub::Held> listed = hub_->ListHeld(10);
  ASSERT_THAT(listed, IsOk());
  ASSERT_THAT(listed->first, SizeIs(1));
  EXPECT_EQ(listed->first[0].why, Hub::HeldWhy::kAnew);
  EXPECT_EQ(listed->counts.size(), 1U);
  EXPECT_THAT(hub_->ListHeld(0)->first, IsEmpty());
  const absl::StatusOr<std::size_t> held = hub_->DecideHeld(true);
  ASSERT_THAT(held, IsOk());
  EXPECT_EQ(*held, 1U);
  EXPECT_FALSE(hub_->Stand()->holds_all);
  EXPECT_THAT(hub_->ListHeld(10)->counts, IsEmpty());
}

TEST_P(HubTest, AHubThatWasMadeAnewHoldsWhatIsNewAlsoWhereNothingWasHeld) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  ASSERT_THAT(hub_->Rebuild(crm().now()), IsOk());
  crm().Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  erp().Push({{7, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  ASSERT_THAT(hub_->Resume({{"crm", ResumeMode::kAsIs}, {"erp", ResumeMode::kAsIs}}, erp().now()), IsOk());
  EXPECT_THAT(hub_->ListHeld(10)->counts, IsEmpty());
  EXPECT_TRUE(hub_->Stand()->holds_all);
  EXPECT_THAT(hub_->DecideHeld(true), IsOkAndHolds(0U));
  EXPECT_FALSE(hub_->Stand()->holds_all);
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(Fetch("erp").deliveries, SizeIs(1));
}

TEST_P(HubTest, AMemberThatWasNeverThereIsAbsentAndOneThatIsGoneFails) {
  missing_ = {"erp"};
  crm().Push({{1, "1", "Ada", "Rome"}});
  Derive();
  const auto member = [this](const std::string& name) {
    const absl::StatusOr<HubStanding> standing = hub_->Stand();
    EXPECT_THAT(standing, IsOk());
    for (const MemberState& one : standing->members) {
      if (one.data_source == name) return one;
    }
    return MemberState{};
  };
  EXPECT_FALSE(member("crm").absent);
  EXPECT_TRUE(member("erp").absent);
  EXPECT_EQ(member("erp").trouble, "");
  missing_ = {"crm"};
  Derive();
  EXPECT_TRUE(member("erp").absent) << "it has no mirror yet";
  erp().Push({});
  Derive();
  EXPECT_FALSE(member("erp").absent);
  EXPECT_FALSE(member("crm").absent) << "it was read before";
  EXPECT_NE(member("crm").trouble, "");
}

TEST_P(HubTest, IsMadeWhenItFirstLooksAlsoWhereNobodyIsThereYet) {
  missing_ = {"crm", "erp"};
  Derive();
  missing_.clear();
  crm().Push({{1, "1", "Ada", "Rome"}});
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  crm().RestoreSource(1);
  crm().Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  erp().Push({});
  Derive();
  // It was there when the source was restored, and somebody has to say what counts.
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
}

TEST_P(HubTest, ADeletedRowIsNotInsertedAgain) {  // S10
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  erp().Push({{7}}, {}, Operation::kDelete);
  Derive();
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());  // deletes = "none"
}

TEST_P(HubTest, OtherRulesAreDerivedAnewAndHeldUntilSomebodyCommits) {
  rules_.entities[0].attributes["city"] = {AttributeRule::Kind::kOrder, {"erp", "crm"}};
  hub_.reset();
  Restart();
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Bern"}});
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

TEST_P(HubTest, ARestartKnowsWhereItWas) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  const std::string id = Fetch("erp").deliveries.at(0).id;
  hub_.reset();
  Restart();
  Derive();
  EXPECT_EQ(Fetch("erp").deliveries.at(0).id, id);
}

TEST_P(HubTest, AnotherServerHandsOutWhatOneDerived) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  const std::string id = Fetch("erp").deliveries.at(0).id;
  if (!GetParam()) return;  // A file has one server.
  const std::unique_ptr<Hub> other = OpenHub();
  absl::StatusOr<HandedOut> out = other->HandOut("erp", erp().cycle(), 0);
  ASSERT_THAT(out, IsOk());
  ASSERT_THAT(out->deliveries, SizeIs(1));
  EXPECT_EQ(out->deliveries[0].id, id);
  // A cycle that nobody has derived yet.
  erp().Push({});
  out = other->HandOut("erp", erp().cycle(), 0);
  ASSERT_THAT(out, IsOk());
  EXPECT_THAT(out->deliveries, IsEmpty());
  EXPECT_THAT(out->waiting, HasSubstr("has not read this cycle"));
}

TEST_P(HubTest, ServersThatDeriveInTurnSuspendNobody) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  for (const char* const city : {"Oslo", "Bern", "Ulm"}) {
    crm().Push({{1, "1", "Ada", city}}, {}, Operation::kUpdate);
    if (!GetParam()) hub_.reset();
    hub_ = OpenHub();
    Derive();
    EXPECT_THAT(Fetch("crm").waiting, IsEmpty());
    const HandedOut out = Fetch("erp");
    ASSERT_THAT(out.deliveries, SizeIs(1));
    EXPECT_EQ(out.deliveries[0].columns.at("city").value, Literal(std::string(city)));
  }
}

TEST_P(HubTest, WhatIsNotedIsReadByTheNextDerivation) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  const absl::StatusOr<HubFile::News> first = hub_->ReadNews();
  ASSERT_THAT(first, IsOk());
  EXPECT_LT(first->read, first->noted);  // Nobody knows what was there before.
  Derive();
  const absl::StatusOr<HubFile::News> derived = hub_->ReadNews();
  ASSERT_THAT(derived, IsOk());
  EXPECT_EQ(derived->read, first->noted);
  ASSERT_THAT(hub_->NoteNews(), IsOk());
  const absl::StatusOr<HubFile::News> noted = hub_->ReadNews();
  ASSERT_THAT(noted, IsOk());
  EXPECT_EQ(noted->noted, derived->noted + 1);
  EXPECT_EQ(noted->read, derived->read);
}

INSTANTIATE_TEST_SUITE_P(Stores, HubTest, testing::Bool(), NameOfStore);

}  // namespace
}  // namespace mirror::hub_test
