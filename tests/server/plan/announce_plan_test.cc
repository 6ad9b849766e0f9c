#include "server/plan/announce_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/plan/cycle_notes.h"
#include "tests/support/rows.h"

namespace mirror::announce_plan_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kNowMs = 1'000'000;

/// What is announced, and a mirror that took `mirrored` before.
struct Case {
  std::vector<AnnouncedTable> tables;
  AnnounceView view;
  AnnounceRequest request{7, "source", "digest", tables, kNowMs};

  Case(const std::vector<TableSchema>& announced, const std::vector<TableSchema>& mirrored) {
    for (const TableSchema& table : announced) {
      tables.push_back({table.name, table});
      view.checked.push_back({absl::OkStatus(), SchemaHash(table)});
    }
    for (const TableSchema& table : mirrored) {
      TableRecord record;
      record.table = table.name;
      record.schema_hash = SchemaHash(table);
      record.position.lsn = Lsn{5};
      view.records.push_back(record);
      view.there.push_back(table.name);
      view.tables[table.name].agreed = table;
    }
    view.context_id = "shop";
    view.tenant.source_id = "source";
  }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;
};

std::vector<SchemaAction> ActionsOf(const std::vector<SchemaAnswer>& answers) {
  std::vector<SchemaAction> actions;
  for (const SchemaAnswer& answer : answers) actions.push_back(static_cast<SchemaAction>(answer.action));
  return actions;
}

TEST(AnnouncePlanTest, WhatIsAsItWasNeedsNoLookAndNoStep) {
  Case spelled({People()}, {People("PEOPLE")});
  Case same({People()}, {People()});
  EXPECT_THAT(FindTablesToRead(same.request, same.view).changed, IsEmpty());
  const AnnouncePlan planned = PlanAnnouncement(same.request, same.view);
  EXPECT_THAT(ActionsOf(planned.answers), ElementsAre(SchemaAction::kUnchanged));
  EXPECT_THAT(planned.plan.steps, IsEmpty());
  EXPECT_EQ(planned.plan.tenant->announced, "digest");
  EXPECT_THAT(planned.plan.answers({}), IsEmpty()) << "a repetition finds nothing, and says so";
  EXPECT_THAT(FindTablesToRead(spelled.request, spelled.view).unannounced, IsEmpty())
      << "names are compared without case";
}

TEST(AnnouncePlanTest, ARepetitionMayWaitForTheRowsAndAShortOneDropsNothing) {
  Case same({People()}, {People()});
  AnnouncePlan planned = PlanAnnouncement(same.request, same.view);
  EXPECT_TRUE(planned.repeats);
  EXPECT_EQ(planned.plan.kept, Kept::kWithNext);
  EXPECT_EQ(planned.plan.drop_retired_before_ms, kNowMs);
  same.request.is_short = true;
  planned = PlanAnnouncement(same.request, same.view);
  EXPECT_TRUE(planned.repeats);
  EXPECT_EQ(planned.plan.drop_retired_before_ms, 0) << "a large table takes its time";

  Case others({People(), Pairs()}, {People()}), fewer({People()}, {People(), Pairs()});
  Case source({People()}, {People()});
  source.view.tenant.source_id = "another";
  for (const Case* const one : {&others, &fewer, &source}) {
    planned = PlanAnnouncement(one->request, one->view);
    EXPECT_FALSE(planned.repeats);
    EXPECT_EQ(planned.plan.kept, Kept::kNow);
  }
}

TEST(AnnouncePlanTest, WhatIsNewIsMadeAndWhatIsGoneIsSetAsideFirst) {
  Case one({People("new")}, {People("old")});
  const TablesToRead read = FindTablesToRead(one.request, one.view);
  EXPECT_THAT(read.unannounced, ElementsAre("old"));
  EXPECT_THAT(read.changed, ElementsAre(0U));
  const AnnouncePlan planned = PlanAnnouncement(one.request, one.view);
  EXPECT_THAT(planned.retired, ElementsAre("old"));
  EXPECT_FALSE(planned.retires_partner);
  EXPECT_THAT(ActionsOf(planned.answers), ElementsAre(SchemaAction::kCreated));
  ASSERT_THAT(planned.plan.steps, SizeIs(2));
  EXPECT_EQ(planned.plan.steps[0].table, "old");
  EXPECT_THAT(planned.step_of, ElementsAre(1U));
}

TEST(AnnouncePlanTest, AnAnswerSaysWhatBecameOfItsStep) {
  Case one({People("new")}, {});
  const AnnouncePlan planned = PlanAnnouncement(one.request, one.view);
  StepResult failed;
  failed.status = absl::FailedPreconditionError("a view of the partner's has this name");
  const std::vector<SchemaAnswer> kept = planned.plan.answers({failed});
  EXPECT_THAT(ActionsOf(kept), ElementsAre(SchemaAction::kRefused));
  EXPECT_THAT(kept[0].reason, HasSubstr("a view of the partner's"));
  StepResult otherwise;
  otherwise.otherwise = true;
  otherwise.reason = "an index";
  EXPECT_THAT(ActionsOf(AnswersAfter(planned.answers, planned.step_of, {otherwise})),
              ElementsAre(SchemaAction::kRepopulate));
}

TEST(AnnouncePlanTest, ARefusedTableIsAnsweredAndLeftAlone) {
  Case one({People()}, {People()});
  one.view.checked[0].status = absl::InvalidArgumentError("no such type");
  one.view.objects = {{"people", {}}};
  const AnnouncePlan planned = PlanAnnouncement(one.request, one.view);
  EXPECT_THAT(ActionsOf(planned.answers), ElementsAre(SchemaAction::kRefused));
  EXPECT_EQ(planned.answers[0].reason, "no such type");
  EXPECT_THAT(planned.plan.steps, IsEmpty());
  EXPECT_THAT(FindTablesToRead(one.request, one.view).changed, IsEmpty());
}

TEST(AnnouncePlanTest, AnotherSourceIsHeldAndToldOnce) {
  Case one({People()}, {People()});
  one.view.tenant.source_id = "another";
  ASSERT_TRUE(one.view.IsOtherSource(one.request));
  const AnnouncePlan planned = PlanAnnouncement(one.request, one.view);
  EXPECT_THAT(ActionsOf(planned.answers), ElementsAre(SchemaAction::kHeld));
  EXPECT_THAT(planned.plan.steps, IsEmpty());
  EXPECT_EQ(planned.plan.tenant->source_id, "another");
  ASSERT_THAT(planned.plan.holds, SizeIs(1));
  EXPECT_EQ(planned.plan.holds[0].source_id, "source");
  EXPECT_EQ(CycleNotesOf(planned.plan, {}).written.front().kind, CycleNoteKind::kOtherSource);
  one.view.holds = planned.plan.holds;
  EXPECT_THAT(PlanAnnouncement(one.request, one.view).plan.holds, IsEmpty());
}

TEST(AnnouncePlanTest, NumbersOfTablesAreThoseOfOneSource) {
  TableSchema former = People(), now = People();
  former.table_id = 7;
  now.table_id = 9;
  now.columns[0].column_id = 2;
  now.columns[1].column_id = 1;
  former.columns[0].column_id = 1;
  former.columns[1].column_id = 2;
  Case one({now}, {former});
  EXPECT_THAT(ActionsOf(PlanAnnouncement(one.request, one.view).answers),
              ElementsAre(SchemaAction::kRepopulate));
  one.view.tenant.source_accepted = true;
  const AnnouncePlan planned = PlanAnnouncement(one.request, one.view);
  EXPECT_THAT(ActionsOf(planned.answers), ElementsAre(SchemaAction::kAltered));
  ASSERT_THAT(planned.plan.steps, SizeIs(1));
  EXPECT_EQ(planned.plan.steps[0].record->position.lsn, Lsn{5});
  EXPECT_THAT(planned.plan.steps[0].actions, SizeIs(1)) << "only the definition is kept";
}

TEST(AnnouncePlanTest, TablesThatGoAtOnceAreHeldAndNoted) {
  Case one({}, {People("a"), People("b"), People("c"), People("d")});
  for (TableRecord& record : one.view.records) record.row_count = 1'000;
  const AnnouncePlan planned = PlanAnnouncement(one.request, one.view);
  EXPECT_THAT(planned.retired, IsEmpty());
  EXPECT_THAT(planned.plan.steps, IsEmpty());
  ASSERT_THAT(planned.plan.holds, SizeIs(1));
  EXPECT_THAT(planned.plan.holds[0].tables, SizeIs(4));
  EXPECT_THAT(CycleNotesOf(planned.plan, {}).written, SizeIs(4));
}

TEST(AnnouncePlanTest, ATableThatCouldNotBeSetAsideIsNoted) {
  Case one({}, {People("a")});
  const AnnouncePlan planned = PlanAnnouncement(one.request, one.view);
  ASSERT_THAT(planned.plan.steps, SizeIs(1));
  EXPECT_THAT(CycleNotesOf(planned.plan, {StepResult{}}).written, IsEmpty());
  StepResult failed;
  failed.status = absl::FailedPreconditionError("a trigger");
  EXPECT_EQ(CycleNotesOf(planned.plan, {failed}).written,
            (std::vector<CycleNote>{{CycleNoteKind::kUnannounced, "a"}}));
}

}  // namespace
}  // namespace mirror::announce_plan_test
