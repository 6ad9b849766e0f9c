#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/plan/index_plan.h"
#include "server/plan/tenant_rules.h"
#include "tests/support/rows.h"

namespace mirror::index_plan_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

SourceObjects ByName(const std::string& name = "by_name", bool unique = false) {
  SourceObjects objects;
  objects.indexes = {{name, unique, {{"NAME", true, Collation::kNocase}, {"age"}}}};
  return objects;
}

std::string Terms(const TableSchema& /*kept*/, const std::vector<IndexColumn>& columns) {
  return IndexTerms(columns);
}

FollowedTable Populated(const SourceObjects& objects, const std::string& table = "people") {
  return {People(table), objects, true};
}

TEST(IndexPlanTest, OnlyWhatIsToldOtherwiseIsWritten) {
  const std::vector<KeptObjects> kept = {{"a", ByName()}, {"b", ByName()}, {"gone", {}}, {"held", {}}};
  const std::vector<ToldObjects> told = {
      {"A", ByName()}, {"b", ByName("other")}, {"new", SourceObjects{}}, {"older", std::nullopt}};
  EXPECT_THAT(PlanObjects(kept, told, {"HELD"}),
              ElementsAre(ObjectsChange{"b", ByName("other")}, ObjectsChange{"new", SourceObjects{}},
                          ObjectsChange{"gone", std::nullopt}));
  EXPECT_THAT(PlanObjects({{"a", ByName()}}, {{"a", std::nullopt}}, {}),
              ElementsAre(ObjectsChange{"a", std::nullopt}))
      << "an older agent is back";
}

TEST(IndexPlanTest, WhatIsThereAlreadyIsLeft) {
  const std::vector<IndexChange> makes = PlanFollow({Populated(ByName())}, {}, true);
  ASSERT_THAT(makes, SizeIs(1));
  EXPECT_THAT(makes[0].index.name, testing::StartsWith("_mirror_index_"));
  EXPECT_THAT(makes[0].columns,
              ElementsAre(IndexColumn{"name", true, Collation::kNocase}, IndexColumn{"age"}))
      << "in the mirror's spelling";
  EXPECT_THAT(PlanFollow({Populated(ByName())}, {makes[0].index}, true), IsEmpty());
  EXPECT_THAT(PlanFollow({Populated(ByName("by_name", true))}, {makes[0].index}, true), IsEmpty())
      << "uniqueness is not followed";
}

TEST(IndexPlanTest, AnotherDefinitionIsAnotherIndex) {
  const OwnIndex before = PlanFollow({Populated(ByName())}, {}, true)[0].index;
  SourceObjects changed = ByName();
  changed.indexes[0].columns[0].descending = false;
  const std::vector<IndexChange> changes = PlanFollow({Populated(changed)}, {before}, true);
  ASSERT_THAT(changes, SizeIs(2));
  EXPECT_EQ(changes[0], (IndexChange{before, {}})) << "dropped first";
  EXPECT_NE(changes[1].index.name, before.name);
}

TEST(IndexPlanTest, ALongNameIsCutInFrontOfACharacterAndTwoOfOneDefinitionAreMadeOnce) {
  std::string name;
  for (int i = 0; i < 40; ++i) name += "山";
  SourceObjects objects = ByName(name + "1");
  objects.indexes.push_back(objects.indexes[0]);
  objects.indexes[1].name = name + "2";
  objects.indexes.push_back({name + "1", false, {{"age"}}});
  const std::vector<IndexChange> makes = PlanFollow({Populated(objects)}, {}, true);
  ASSERT_THAT(makes, SizeIs(2));
  EXPECT_NE(makes[0].index.name, makes[1].index.name);
  for (const IndexChange& make : makes) {
    EXPECT_THAT(make.index.name, testing::EndsWith("_山山山山山山山山山山")) << "61 bytes; the next are 64";
  }
  EXPECT_THAT(PlanFollow({Populated(objects)}, {makes[0].index, makes[1].index}, true), IsEmpty());

  const OwnIndex whole{makes[1].index.name + "山", "people"};
  EXPECT_THAT(PlanFollow({Populated(objects)}, {makes[0].index, whole}, true),
              ElementsAre(IndexChange{whole, {}}, makes[1]))
      << "one from before is made anew";
}

TEST(IndexPlanTest, OneOnATableThatWasSetAsideMakesRoom) {
  const OwnIndex own = PlanFollow({Populated(ByName())}, {}, true)[0].index;
  const OwnIndex aside{own.name, "_mirror_dropped_1"};
  EXPECT_THAT(
      PlanFollow({Populated(ByName())}, {aside}, true),
      ElementsAre(IndexChange{aside, {}}, IndexChange{own, {{"name", true, Collation::kNocase}, {"age"}}}));
}

TEST(IndexPlanTest, NothingIsMadeBeforeTheRowsAreThereAndNothingDroppedThatWasNotTold) {
  FollowedTable table = Populated(ByName());
  const OwnIndex own = PlanFollow({table}, {}, true)[0].index;
  table.populated = false;
  EXPECT_THAT(PlanFollow({table}, {}, true), IsEmpty());
  EXPECT_THAT(PlanFollow({table}, {own}, true), IsEmpty());
  table.objects.reset();
  EXPECT_THAT(PlanFollow({table}, {own}, true), IsEmpty());
  EXPECT_THAT(PlanFollow({table}, {own}, false), ElementsAre(IndexChange{own, {}}))
      << "no more wanted at all";
}

TEST(IndexPlanTest, WhatAValueIsTooLongForIsNotMadeAgainAndNotKeptInMindForLonger) {
  OwnIndex own = PlanFollow({Populated(ByName())}, {}, true)[0].index;
  own.is_too_long = true;
  EXPECT_THAT(PlanFollow({Populated(ByName())}, {own}, true), IsEmpty());
  EXPECT_THAT(PlanFollow({Populated({})}, {own}, true), ElementsAre(IndexChange{own, {}}));

  FollowedTable table = Populated({});
  table.configured = ByName().indexes;
  own = PlanFollow({table}, {}, false)[0].index;
  own.is_too_long = true;
  EXPECT_THAT(ConfiguredLines(table, {own}, Terms),
              ElementsAre(HasSubstr("a value of the table is too long")));
}

TEST(IndexPlanTest, OverAColumnThatTheMirrorLeavesOutNothingIsMade) {
  FollowedTable table = Populated(ByName());
  table.kept.columns.pop_back();
  EXPECT_THAT(PlanFollow({table}, {}, true), IsEmpty());
  EXPECT_THAT(IndexLines(table.kept, table.objects, Terms), testing::Contains(HasSubstr("leaves out")));
}

TEST(IndexPlanTest, LinesAreStatementsAndWhatIsNoneIsAComment) {
  SourceObjects objects = ByName("by \"name\"", true);
  objects.indexes.push_back({"sqlite_autoindex_people_1", true, {{"age"}}});
  objects.foreign_keys = {
      {{"age"}, "ages", {"years"}, ForeignKeyAction::kCascade, ForeignKeyAction::kSetNull}};
  objects.untold = {{"half", UntoldReason::kPartial}};
  objects.more = 2;
  EXPECT_THAT(
      IndexLines(People("my \"people\""), objects, Terms),
      ElementsAre(
          R"(-- table "my ""people""")",
          R"(CREATE INDEX IF NOT EXISTS "by ""name""" ON "my ""people""" ("name" COLLATE NOCASE DESC, )"
          "\"age\");  -- UNIQUE at the source",
          R"(CREATE INDEX IF NOT EXISTS "index_my ""people""_age" ON "my ""people""" ("age");  )"
          "-- UNIQUE at the source",
          R"(-- INDEX "half" is left out: it is partial)",
          R"(-- FOREIGN KEY ("age") REFERENCES "ages" ("years") ON UPDATE SET NULL ON DELETE CASCADE)",
          "-- and 2 more that the source did not name"));
  EXPECT_THAT(IndexLines(People(), std::nullopt, Terms),
              ElementsAre(HasSubstr("did not report its indexes")));
}

TEST(IndexPlanTest, NoNameEndsAComment) {
  SourceObjects objects = ByName("a\nb");
  objects.foreign_keys = {{{"age"}, "x\nDROP TABLE people; --", {"y\x1b[2J"}}};
  objects.untold = {{"z\r\nDROP TABLE people", UntoldReason::kExpression}};
  for (const std::string& line : IndexLines(People("t\n"), objects, Terms)) {
    EXPECT_THAT(line, testing::StartsWith("-- "));
    EXPECT_EQ(line.find_first_of("\n\r\x1b"), std::string::npos) << line;
  }
}

FollowedTable Configured(const SourceIndex& index) {
  FollowedTable table = Populated(SourceObjects{});
  table.configured = {index};
  return table;
}

TEST(IndexPlanTest, TheConfigurationsAreMadeAndGoWithItWhateverTheSourceTells) {
  FollowedTable table = Configured({"by_age", false, {{"AGE"}}});
  table.objects.reset();
  for (const bool follows : {false, true}) {
    const std::vector<IndexChange> makes = PlanFollow({table}, {}, follows);
    ASSERT_THAT(makes, SizeIs(1));
    EXPECT_THAT(makes[0].index.name,
                testing::AllOf(testing::StartsWith(kSetIndexPrefix), testing::EndsWith("_by_age")));
    EXPECT_THAT(makes[0].columns, ElementsAre(IndexColumn{"age"}));
    EXPECT_THAT(PlanFollow({table}, {makes[0].index}, follows), IsEmpty());
    EXPECT_THAT(PlanFollow({{People(), std::nullopt, true}}, {makes[0].index}, follows),
                ElementsAre(IndexChange{makes[0].index, {}}))
        << "it left the configuration";
  }
  table.populated = false;
  EXPECT_THAT(PlanFollow({table}, {}, false), IsEmpty());
}

TEST(IndexPlanTest, OneDefinitionIsMadeOnce) {
  FollowedTable table = Configured({"mine", false, {{"name", true, Collation::kNocase}, {"age"}}});
  table.configured.push_back({"again", false, table.configured[0].columns});
  table.objects = ByName();
  const std::vector<IndexChange> makes = PlanFollow({table}, {}, true);
  ASSERT_THAT(makes, SizeIs(1));
  EXPECT_THAT(makes[0].index.name, testing::EndsWith("_mine"));
  // Out of the configuration again, it follows the source's.
  table.configured.clear();
  const std::vector<IndexChange> changes = PlanFollow({table}, {makes[0].index}, true);
  ASSERT_THAT(changes, SizeIs(2));
  EXPECT_EQ(changes[0], (IndexChange{makes[0].index, {}}));
  EXPECT_THAT(changes[1].index.name, testing::EndsWith("_by_name"));
}

TEST(IndexPlanTest, WhatCannotBeMadeIsNamed) {
  const SourceIndex wrong = {"by_born", false, {{"born"}, {"name"}, {"died"}}};
  const FollowedTable table = Configured(wrong);
  EXPECT_THAT(PlanFollow({table}, {}, true), IsEmpty());
  EXPECT_THAT(IdleIndexes({{"*", "peo*", wrong}, {"*", "peopel", {"x", false, {{"age"}}}}}, {table}),
              ElementsAre("index 'by_born': table 'people' has no columns 'born', 'died'",
                          "index 'x': no table is named 'peopel'"));
  EXPECT_THAT(IdleIndexes({{"*", "peopel", wrong}}, {}), IsEmpty()) << "of tables nothing is known yet";
  EXPECT_THAT(
      ConfiguredLines(table, {}, Terms),
      ElementsAre("-- [[tenant.index]] \"by_born\": not made, the table has no column 'born', 'died'"));
}

TEST(IndexPlanTest, ItIsSaidWhetherOneIsThere) {
  const FollowedTable table = Configured({"by_age", false, {{"age", true}}});
  const OwnIndex own = PlanFollow({table}, {}, false)[0].index;
  const std::string line = "-- [[tenant.index]] \"" + own.name + "\" (\"age\" DESC)";
  EXPECT_THAT(ConfiguredLines(table, {own}, Terms), ElementsAre(line));
  EXPECT_THAT(ConfiguredLines(table, {{own.name, "_mirror_dropped_1"}}, Terms),
              ElementsAre(line + ": not there yet, it is made when a cycle ends"));
}

TEST(IndexRulesTest, TheLastThatFitsCounts) {
  const IndexRules rules = {.follow = {{"Cust*", true}, {"Cust2", false}}};
  EXPECT_TRUE(FollowsIndexes(rules, "Cust1"));
  EXPECT_FALSE(FollowsIndexes(rules, "Cust2"));
  EXPECT_FALSE(FollowsIndexes(rules, "Other"));
  EXPECT_FALSE(FollowsIndexes({}, "Cust1"));
}

}  // namespace
}  // namespace mirror::index_plan_test
