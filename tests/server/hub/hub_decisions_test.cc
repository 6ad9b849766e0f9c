// What an operator decides about records, and a resume that is only looked at.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/hub/hub_bench.h"

namespace mirror::hub_decisions_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class HubDecisions : public HubTest {
 protected:
  std::string RecordOf(const std::string& data_source, const std::string& key) {
    const absl::StatusOr<Hub::Explained> explained = hub_->ExplainRow({data_source, "company", key});
    EXPECT_THAT(explained, IsOk());
    return explained.ok() ? explained->record.id : "";
  }
  absl::StatusOr<std::string> Merge(const std::string& one, const std::string& other) {
    return hub_->Decide({.golden_id = one, .other_id = other}, now());
  }
  absl::StatusOr<std::string> Part(const std::string& golden_id, std::vector<RowRef> rows) {
    return hub_->Decide({.golden_id = golden_id, .rows = std::move(rows)}, now());
  }
  /// What a trial must not change.
  std::vector<std::int64_t> Whole() {
    std::vector<std::int64_t> whole;
    for (const char* const table : {"_hub_records", "_hub_rows", "_hub_keys", "_hub_deliveries",
                                    "_hub_issued", "_hub_apart", "golden_alias", "golden_company"}) {
      whole.push_back(Count(absl::StrCat("SELECT count(*) FROM ", table)));
    }
    whole.push_back(Count("SELECT time FROM _hub_state"));
    return whole;
  }
  /// `name` applies what waits for its row, pushes that, and then an edit of its own.
  void TakeBack(HubSource& source, const std::string& name, std::int64_t key, const std::string& city) {
    const std::vector<HubDelivery> taken = Fetch(name).deliveries;
    ASSERT_THAT(taken, SizeIs(1));
    const auto given = taken[0].columns.find("city");
    ASSERT_NE(given, taken[0].columns.end());
    source.Push({{key, "1", "Ada", std::get<std::string>(given->second.value)}},
                {LedgerRow(taken[0], ++ledger_, absl::StrCat("[", key, "]"), AsGiven(taken[0]))},
                Operation::kUpdate);
    Derive();
    source.Push({{key, "1", "Ada", city}}, {}, Operation::kUpdate);
    Derive();
  }

  std::int64_t ledger_ = 100;
  /// The city of the CRM's only row went to the ERP, then the CRM's source was restored.
  void RestoreCrm() {
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
    crm().Push({{1, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  }
};

TEST_P(HubDecisions, RecordsThatNoRuleJoinsAreMergedIntoTheOlder) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "2", "Ada Ltd", "Rome"}});
  Derive();
  const std::string older = RecordOf("crm", "[1]"), younger = RecordOf("erp", "[7]");
  ASSERT_NE(older, younger);
  EXPECT_THAT(Merge(younger, older), IsOkAndHolds(older));
  EXPECT_EQ(RecordOf("erp", "[7]"), older);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member WHERE joined_by = 'hand'"), 1);
  // Neither is inserted where the other is; the row of the ERP follows.
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));
  EXPECT_EQ(Fetch("erp").deliveries[0].operation, HubOperation::kUpdate);
  EXPECT_THAT(Merge(younger, older),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("now. Nothing was merged")));
}

TEST_P(HubDecisions, RecordsWithRowsOfOneSystemAreMergedByHandAlone) {
  crm().Push({{1, "1", "Ada", "Rome"}, {2, "2", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}, {8, "2", "Ada", "Rome"}});
  Derive();
  ASSERT_EQ(Count("SELECT count(*) FROM golden_company"), 2);
  ASSERT_THAT(Merge(RecordOf("crm", "[1]"), RecordOf("crm", "[2]")), IsOk());
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company_member"), 4);
  Derive();
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
}

TEST_P(HubDecisions, RowsThatArePartedAreJoinedByNoKeyAgain) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  const std::string golden = RecordOf("crm", "[1]");
  const absl::StatusOr<std::string> parted = Part(golden, {{"erp", "company", "[7]"}});
  ASSERT_THAT(parted, IsOk());
  EXPECT_EQ(RecordOf("erp", "[7]"), *parted);
  EXPECT_EQ(RecordOf("crm", "[1]"), golden);
  // An edit of the one is none of the other's, nothing is made anywhere, and nobody has to look at the pair.
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  EXPECT_THAT(*hub_->FindDuplicates(100), IsEmpty());
  // Its own news bring it to the key once more.
  erp().Push({{7, "9", "Ada", "Rome"}}, {}, Operation::kUpdate);
  Derive();
  erp().Push({{7, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_NE(RecordOf("erp", "[7]"), RecordOf("crm", "[1]"));
  // After a restart, too, until somebody says that they are one after all.
  hub_.reset();
  Restart();
  Derive();
  EXPECT_NE(RecordOf("erp", "[7]"), RecordOf("crm", "[1]"));
  ASSERT_THAT(Merge(golden, RecordOf("erp", "[7]")), IsOk());
  EXPECT_EQ(RecordOf("erp", "[7]"), RecordOf("crm", "[1]"));
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_apart"), 0);
}

TEST_P(HubDecisions, ARowThatLeavesAPartedRecordTakesThatWithIt) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}, {8, "2", "Bea", "Bonn"}});
  Derive();
  ASSERT_THAT(Part(RecordOf("crm", "[1]"), {{"erp", "company", "[7]"}}), IsOk());
  // It becomes the other company's duplicate; then that gets the key of the first.
  erp().Push({{7, "2", "Bea", "Bonn"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_EQ(RecordOf("erp", "[7]"), RecordOf("erp", "[8]"));
  erp().Push({{8, "1", "Bea", "Bonn"}, {7, "1", "Bea", "Bonn"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_NE(RecordOf("erp", "[7]"), RecordOf("crm", "[1]"));
}

TEST_P(HubDecisions, WhatCannotBeDecidedChangesNothing) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  const std::string golden = RecordOf("crm", "[1]");
  const auto refuses = [](absl::StatusCode code, const char* words) {
    return StatusIs(code, AllOf(HasSubstr(words), Not(HasSubstr("Ada"))));
  };
  EXPECT_THAT(Part(golden, {{"crm", "company", "[1]"}, {"erp", "company", "[7]"}}),
              refuses(absl::StatusCode::kInvalidArgument, "these are all rows"));
  EXPECT_THAT(Part(golden, {{"crm", "company", "[2]"}}),
              refuses(absl::StatusCode::kInvalidArgument, "has no such row"));
  EXPECT_THAT(Part("strange", {{"crm", "company", "[1]"}}),
              refuses(absl::StatusCode::kNotFound, "has no record 'strange'"));
  EXPECT_THAT(Merge(golden, "strange"), refuses(absl::StatusCode::kNotFound, "has no record 'strange'"));
  EXPECT_THAT(Merge(golden, ""), refuses(absl::StatusCode::kNotFound, "has no record ''"));
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_apart"), 0);
}

TEST_P(HubDecisions, APreviewSaysWhatAResumeWouldMakeAndLeavesAllAsItIs) {
  RestoreCrm();
  const auto whole = [this] {
    return std::vector<std::int64_t>{Count("SELECT time FROM _hub_state"),
                                     Count("SELECT deliveries FROM _hub_state"),
                                     Count("SELECT count(*) FROM _hub_deliveries"),
                                     Count("SELECT count(*) FROM _hub_feeds WHERE suspended IS NOT NULL"),
                                     Count("SELECT CAST(sum(read_at) AS bigint) FROM _hub_rows")};
  };
  const std::vector<std::int64_t> before = whole();
  const absl::StatusOr<Hub::Preview> ours =
      hub_->Try({.modes = {{"crm", ResumeMode::kOurs}, {"erp", ResumeMode::kAsIs}}}, crm().now());
  ASSERT_THAT(ours, IsOk());
  EXPECT_THAT(ours->resumed, ElementsAre("crm"));
  ASSERT_THAT(ours->made, SizeIs(1));
  EXPECT_EQ(ours->made.begin()->first, (DeliveryPlace{"crm", "company", HubOperation::kUpdate}));
  EXPECT_EQ(ours->made.begin()->second.deliveries, 1U);
  ASSERT_THAT(ours->first, SizeIs(1));
  EXPECT_EQ(ours->first[0].columns.begin()->first, "city");
  const absl::StatusOr<Hub::Preview> theirs =
      hub_->Try({.modes = {{"crm", ResumeMode::kTheirs}}}, crm().now());
  ASSERT_THAT(theirs, IsOk());
  ASSERT_THAT(theirs->made, SizeIs(1));
  EXPECT_EQ(theirs->made.begin()->first.data_source, "erp");
  EXPECT_EQ(whole(), before);
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  // The same as it says is done.
  EXPECT_THAT(*hub_->Resume({{"crm", ResumeMode::kOurs}}, crm().now()), ElementsAre("crm"));
  EXPECT_THAT(Fetch("crm").deliveries, SizeIs(1));
}

TEST_P(HubDecisions, AMergeThatIsTriedSaysWhatItWouldLeaveAndDoesNothing) {
  crm().Push({{1, "1", "Ada", "Rome"}, {2, "2", "Bea", "Bonn"}});
  erp().Push({{7, "3", "Ada Ltd", "Rome"}});
  Derive();
  const std::string older = RecordOf("crm", "[1]"), younger = RecordOf("erp", "[7]");
  ASSERT_THAT(Fetch("crm").deliveries, SizeIs(1)) << "the ERP's company is made there";
  const std::vector<std::int64_t> before = Whole();
  const absl::StatusOr<Hub::Preview> tried =
      hub_->Try({.decision = HandDecision{.golden_id = younger, .other_id = older}}, now());
  ASSERT_THAT(tried, IsOk());
  ASSERT_THAT(tried->records, SizeIs(1));
  EXPECT_EQ(tried->records[0].record.id, older);
  EXPECT_FALSE(tried->records[0].is_new);
  EXPECT_EQ(tried->records[0].row_count, 2U);
  ASSERT_THAT(tried->made, SizeIs(1));
  EXPECT_EQ(tried->made.begin()->first, (DeliveryPlace{"erp", "company", HubOperation::kUpdate}));
  EXPECT_EQ(tried->withdrawn, 2U) << "neither is inserted where the other is";
  EXPECT_EQ(Whole(), before);
  EXPECT_THAT(Fetch("crm").deliveries, SizeIs(1));
  EXPECT_THAT(hub_->Try({.decision = HandDecision{.golden_id = "strange", .other_id = older}}, now()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("has no record 'strange'")));
  // The same as it says is done.
  ASSERT_THAT(Merge(younger, older), IsOkAndHolds(older));
  EXPECT_THAT(Fetch("crm").deliveries, IsEmpty());
  EXPECT_THAT(Fetch("erp").deliveries, SizeIs(2)) << "an UPDATE, and Bea";
}

TEST_P(HubDecisions, APartThatIsTriedNamesBothRecordsAndTheNewOneHasNoIdYet) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  const std::string golden = RecordOf("crm", "[1]");
  ASSERT_THAT(Fetch("erp").deliveries, SizeIs(1));
  const std::vector<std::int64_t> before = Whole();
  const absl::StatusOr<Hub::Preview> tried =
      hub_->Try({.decision = HandDecision{.golden_id = golden, .rows = {{"erp", "company", "[7]"}}}}, now());
  ASSERT_THAT(tried, IsOk());
  ASSERT_THAT(tried->records, SizeIs(2));
  EXPECT_EQ(tried->records[0].record.id, golden);
  EXPECT_FALSE(tried->records[0].is_new);
  EXPECT_TRUE(tried->records[1].is_new);
  ASSERT_THAT(tried->records[1].rows, SizeIs(1));
  EXPECT_EQ(tried->records[1].rows[0].ref, (RowRef{"erp", "company", "[7]"}));
  EXPECT_EQ(tried->withdrawn, 1U) << "the CRM's city is none of the ERP's row any more";
  EXPECT_THAT(tried->made, IsEmpty());
  EXPECT_EQ(Whole(), before);
  EXPECT_EQ(RecordOf("erp", "[7]"), golden);
}

TEST_P(HubDecisions, AThawThatIsTriedSaysWhatWouldBeDeliveredAgain) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  EXPECT_EQ(hub_->Try({.thawed = ""}, now())->thawed, 0U);
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  for (int i = 0; i < 4 && Count("SELECT count(*) FROM _hub_records WHERE frozen <> '[]'") == 0; ++i) {
    TakeBack(erp(), "erp", 7, "Ulm");
    if (Count("SELECT count(*) FROM _hub_records WHERE frozen <> '[]'") > 0) break;
    TakeBack(crm(), "crm", 1, "Pisa");
  }
  ASSERT_EQ(Count("SELECT count(*) FROM _hub_records WHERE frozen <> '[]'"), 1);
  const std::string golden = RecordOf("crm", "[1]");
  const std::vector<std::int64_t> before = Whole();
  const absl::StatusOr<Hub::Preview> tried = hub_->Try({.thawed = golden}, now());
  ASSERT_THAT(tried, IsOk());
  EXPECT_EQ(tried->thawed, 1U);
  ASSERT_THAT(tried->first, SizeIs(1));
  EXPECT_EQ(tried->first[0].columns.count("city"), 1U);
  EXPECT_EQ(hub_->Try({.thawed = "another"}, now())->thawed, 0U);
  EXPECT_EQ(Whole(), before);
  EXPECT_EQ(Count("SELECT count(*) FROM _hub_records WHERE frozen <> '[]'"), 1);
  EXPECT_THAT(hub_->Thaw(golden, now()), IsOkAndHolds(1U));
  EXPECT_THAT(Fetch(tried->first[0].data_source).deliveries, SizeIs(1));
}

TEST_P(HubDecisions, WhatWasDroppedIsListedAndHandedOutAfterAll) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  ASSERT_THAT(hub_->Rebuild(now()), IsOk());
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  erp().Push({{7, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  ASSERT_THAT(hub_->Resume({{"crm", ResumeMode::kAsIs}, {"erp", ResumeMode::kAsIs}}, now()), IsOk());
  ASSERT_THAT(hub_->ListHeld(10)->first, SizeIs(1));
  EXPECT_THAT(hub_->ListHeld(10, /*dropped=*/true)->first, IsEmpty());
  ASSERT_THAT(hub_->DecideHeld(false), IsOkAndHolds(1U));
  EXPECT_THAT(hub_->ListHeld(10)->counts, IsEmpty());
  const absl::StatusOr<Hub::Held> dropped = hub_->ListHeld(10, /*dropped=*/true);
  ASSERT_THAT(dropped, IsOk());
  ASSERT_THAT(dropped->first, SizeIs(1));
  EXPECT_EQ(dropped->first[0].delivery.golden_id, RecordOf("crm", "[1]"));
  EXPECT_EQ(dropped->counts.begin()->second, 1U);
  const std::string source = dropped->first[0].delivery.data_source;
  EXPECT_THAT(Fetch(source).deliveries, IsEmpty());
  EXPECT_THAT(hub_->DecideHeld(true), IsOkAndHolds(0U)) << "of what is held there is none";
  EXPECT_THAT(Fetch(source).deliveries, IsEmpty());
  EXPECT_THAT(hub_->DecideHeld(true, /*dropped=*/true), IsOkAndHolds(1U));
  EXPECT_THAT(Fetch(source).deliveries, SizeIs(1));
  EXPECT_THAT(hub_->ListHeld(10, /*dropped=*/true)->first, IsEmpty());
}

TEST_P(HubDecisions, WhatWasDecidedByHandIsCounted) {
  crm().Push({{1, "1", "Ada", "Rome"}, {2, "2", "Bea", "Bonn"}});
  erp().Push({{7, "1", "Ada", "Rome"}, {8, "3", "Bea Ltd", "Bonn"}});
  Derive();
  EXPECT_EQ(hub_->Stand(/*by_hand=*/true)->by_hand.rows, 0U);
  ASSERT_THAT(Merge(RecordOf("crm", "[2]"), RecordOf("erp", "[8]")), IsOk());
  ASSERT_THAT(Part(RecordOf("crm", "[1]"), {{"erp", "company", "[7]"}}), IsOk());
  const absl::StatusOr<HubStanding> standing = hub_->Stand(/*by_hand=*/true);
  ASSERT_THAT(standing, IsOk());
  EXPECT_EQ(standing->by_hand.rows, 2U) << "the merged record's, and the parted one's";
  EXPECT_EQ(standing->by_hand.parted, 1U);
}

TEST_P(HubDecisions, WhoIsNotSuspendedIsNotResumed) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  EXPECT_THAT(*hub_->Resume({{"crm", ResumeMode::kTheirs}}, crm().now()), IsEmpty());
  EXPECT_THAT(hub_->Try({.modes = {{"crm", ResumeMode::kTheirs}}}, crm().now())->resumed, IsEmpty());
  EXPECT_THAT(hub_->Resume({{"shop", ResumeMode::kTheirs}}, crm().now()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no data source of hub 'Acme'")));
}

TEST_P(HubDecisions, ARebuiltHubIsAsALostOneAlsoWhereItsFileCannotBeRead) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  const std::string golden = RecordOf("crm", "[1]");
  EXPECT_THAT(*hub_->Rebuild(crm().now()), ElementsAre("crm", "erp"));
  EXPECT_THAT(Fetch("crm").waiting, HasSubstr("suspended"));
  EXPECT_TRUE(hub_->Stand()->holds_all);
  // Whoever watches hears of it, once.
  const std::vector<HubNote> notes = hub_->Hear().notes;
  ASSERT_THAT(notes, SizeIs(2));
  EXPECT_EQ(notes[0].kind, HubNote::Kind::kSuspended);
  EXPECT_THAT(hub_->Hear().notes, IsEmpty());
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  erp().Push({{7, "1", "Ada", "Rome"}}, {}, Operation::kUpdate);
  ASSERT_THAT(hub_->Resume({{"crm", ResumeMode::kAsIs}, {"erp", ResumeMode::kAsIs}}, erp().now()), IsOk());
  EXPECT_NE(RecordOf("crm", "[1]"), golden);
  EXPECT_THAT(Fetch("erp").deliveries, IsEmpty()) << "held";

  hub_.reset();
  place_->SpoilHub();
  Restart();
  if (GetParam()) {
    EXPECT_THAT(hub_->Derive(now()), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("9.0")));
  } else {
    EXPECT_THAT(hub_->Derive(now()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("hub rebuild")));
  }
  EXPECT_THAT(*hub_->Rebuild(crm().now()), ElementsAre("crm", "erp"));
}

TEST_P(HubDecisions, AFileOfAnotherLayoutIsLeftAsItIsAndMadeAnewByHand) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  for (const int layout : {1, 9}) {
    Derive();
    hub_.reset();
    place_->SetLayout(layout);
    Restart();
    for (int i = 0; i < 2; ++i) {
      EXPECT_THAT(hub_->ReadNews().status(),
                  StatusIs(absl::StatusCode::kFailedPrecondition,
                           AllOf(HasSubstr("'mirrorctl hub rebuild Acme --confirm Acme'"),
                                 HasSubstr("version 9.0"), HasSubstr(absl::StrCat("has layout ", layout)))));
    }
    EXPECT_THAT(hub_->Derive(now()), StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_EQ(Count("SELECT count(*) FROM _hub_feeds"), 2);
    EXPECT_THAT(hub_->Rebuild(now()), IsOk());
    EXPECT_THAT(hub_->ReadNews(), IsOk());
  }
}

TEST_P(HubDecisions, AFileOfTheLayoutBeforeIsTakenOverWithAllThatStandsInIt) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  hub_.reset();
  place_->Change("ALTER TABLE _hub_deliveries DROP COLUMN refusals");
  place_->SetLayout(2);
  Restart();
  ASSERT_THAT(hub_->ListRefused("", 10), IsOk());
  const HubDelivery made = Fetch("erp").deliveries.at(0);
  erp().Push({}, {RefusedRow(made, 1, 3, "no")});
  Derive();
  const auto refused = hub_->ListRefused("erp", 10);
  ASSERT_THAT(refused, IsOk());
  ASSERT_THAT(refused->first, SizeIs(1));
  EXPECT_EQ(refused->first[0].refused->attempts, 3);
  Restart();
  EXPECT_EQ(hub_->ListRefused("erp", 10)->count, 1U);
}

TEST_P(HubDecisions, WhatASourceRefusesIsNamedWithHowOftenAndWhy) {
  crm().Push({{1, "1", "Ada", "Rome"}, {2, "2", "Bea", "Bonn"}});
  erp().Push({});
  Derive();
  EXPECT_EQ(hub_->ListRefused("", 10)->count, 0U);
  const std::vector<HubDelivery> made = Fetch("erp").deliveries;
  ASSERT_THAT(made, SizeIs(2));
  erp().Push({},
             {RefusedRow(made[0], 1, 1, "CHECK constraint failed: c"), RefusedRow(made[1], 2, 4, "b\x1b")});
  Derive();
  const auto refused = hub_->ListRefused("", 10);
  ASSERT_THAT(refused, IsOk());
  EXPECT_EQ(refused->count, 2U);
  ASSERT_THAT(refused->first, SizeIs(2));
  EXPECT_EQ(refused->first[0].id, made[0].id);
  EXPECT_EQ(*refused->first[0].refused, (Refusal{kTriedAgainMs, 1, "CHECK constraint failed: c"}));
  EXPECT_EQ(*refused->first[1].refused, (Refusal{kTriedAgainMs, 4, "b\\x1b"})) << "as a terminal may show it";
  EXPECT_THAT(hub_->ListRefused("", 1)->first, SizeIs(1));
  EXPECT_EQ(hub_->ListRefused("", 1)->count, 2U);
  EXPECT_EQ(hub_->ListRefused("crm", 10)->count, 0U);
  EXPECT_THAT(hub_->ListRefused("nobody", 10).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'mirrorctl hub status Acme'")));
  EXPECT_EQ(hub_->Explain(made[0].golden_id)->deliveries.at(0).refused->reason, "CHECK constraint failed: c");
  EXPECT_EQ(hub_->Stand()->members.at(1).figures.refused, 2U);
  // Applied in the end.
  erp().Push({{7, "1", "Ada", "Rome"}}, {LedgerRow(made[0], 3, "[7]", AsGiven(made[0]))});
  Derive();
  EXPECT_EQ(hub_->ListRefused("", 10)->count, 1U);
  // The source's clock was ahead.
  auto ahead = RefusedRow(made[0], 3, 2, "busy");
  ahead[9] = std::int64_t{kTriedAgainMs + 400LL * 86'400'000};
  erp().Push({}, {ahead});
  Derive();
  EXPECT_LE(hub_->ListRefused("", 1)->first[0].refused->until, crm().now() + 2LL * 86'400'000);
}

TEST_P(HubDecisions, AReasonIsCutWhereASourceWritesABookOfIt) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  erp().Push({}, {RefusedRow(Fetch("erp").deliveries.at(0), 1, 1, std::string(5'000, 'w'))});
  Derive();
  const std::string reason = hub_->ListRefused("", 10)->first.at(0).refused->reason;
  EXPECT_LE(reason.size(), 1'000U);
  EXPECT_THAT(reason, testing::EndsWith("w ..."));
}

TEST_P(HubDecisions, WhatIsNotKnownOfARowIsNamed) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  Derive();
  const auto asked = [this](const RowRef& ref) { return hub_->ExplainRow(ref).status(); };
  EXPECT_THAT(asked({"shop", "company", "[1]"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'shop' is no data source of hub 'Acme'")));
  EXPECT_THAT(asked({"crm", "person", "[1]"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("has no table 'person' of 'crm'")));
  EXPECT_THAT(
      asked({"crm", "company", "[99]"}),
      StatusIs(absl::StatusCode::kNotFound,
               AllOf(HasSubstr("no row of this key in table 'company' of 'crm'"), Not(HasSubstr("99")))));
}

TEST_P(HubDecisions, AClosedHubDoesNothing) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({});
  Derive();
  hub_->Close();
  EXPECT_THAT(hub_->Derive(crm().now()), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("just changed")));
  EXPECT_THAT(hub_->Rebuild(crm().now()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("just changed")));
  EXPECT_THAT(hub_->HandOut("erp", erp().cycle(), 0), StatusIs(absl::StatusCode::kUnavailable));
  // Its file is that of the hub that takes its place.
  EXPECT_EQ(Count("SELECT count(*) FROM golden_company"), 1);
}

TEST_P(HubDecisions, AnEditThatALaterOneOvertakesIsToldWithBothVersions) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(hub_->Hear().notes, IsEmpty());
  erp().Push({{7, "1", "Ada", "Ulm"}}, {}, Operation::kUpdate);
  Derive();
  const Hub::Heard heard = hub_->Hear();
  ASSERT_THAT(heard.notes, SizeIs(1));
  const HubNote& note = heard.notes[0];
  EXPECT_EQ(note.kind, HubNote::Kind::kOvertaken);
  EXPECT_EQ(note.data_source, "crm");
  EXPECT_EQ(note.won, "erp");
  EXPECT_EQ(note.attribute, "city");
  EXPECT_EQ(note.golden_id, RecordOf("crm", "[1]"));
  EXPECT_GT(note.won_ms, note.lost_ms);
  EXPECT_GT(note.lost_ms, 0);
}

TEST_P(HubDecisions, AnEditOfWhatWasDeliveredOvertakesNothing) {
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  crm().Push({{1, "1", "Ada", "Oslo"}}, {}, Operation::kUpdate);
  Derive();
  const HubDelivery taken = Fetch("erp").deliveries.at(0);
  // Applied, and edited before the next push: its author saw it.
  erp().Push({{7, "1", "Ada", "Ulm"}}, {LedgerRow(taken, 1, "[7]", AsGiven(taken))}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(hub_->Hear().notes, IsEmpty());
  EXPECT_EQ(Fetch("crm").deliveries.at(0).columns.at("city").value, Literal(std::string("Ulm")));
}

TEST_P(HubDecisions, WhereAnOrderDecidesNothingIsOvertaken) {
  rules_.entities[0].attributes["city"] = {AttributeRule::Kind::kOrder, {"crm", "erp"}};
  hub_.reset();
  Restart();
  crm().Push({{1, "1", "Ada", "Rome"}});
  erp().Push({{7, "1", "Ada", "Rome"}});
  Derive();
  erp().Push({{7, "1", "Ada", "Ulm"}}, {}, Operation::kUpdate);
  Derive();
  EXPECT_THAT(hub_->Hear().notes, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Stores, HubDecisions, testing::Bool(), NameOfStore);

}  // namespace
}  // namespace mirror::hub_decisions_test
