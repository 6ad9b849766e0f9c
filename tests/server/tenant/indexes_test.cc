#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/plan/index_plan.h"
#include "tests/server/tenant/tenant_bench.h"

// The source's indexes and foreign keys: information that changes nothing of what is mirrored, and indexes
// that the mirror makes by it.

namespace mirror::indexes_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};
const Rows kRows = {{1, "Ada", 36}, {2, "Grace", 45}};

SourceObjects Index(const std::string& name, const std::string& column, bool unique = false) {
  SourceObjects objects;
  objects.indexes = {{name, unique, {{column}}}};
  return objects;
}

TenantOptions Following() {
  TenantOptions options;
  options.indexes->Set({.follow = {{"*", true}}});
  return options;
}

class IndexesTest : public TenantBench {
 protected:
  explicit IndexesTest(const TenantOptions& options = {}) : TenantBench(options) {}

  /// A cycle that announces and sends nothing.
  void Cycle(const std::vector<TableSchema>& tables = {People()}) {
    source_->Begin();
    ASSERT_THAT(source_->Announce(tables), IsOk());
    ASSERT_THAT(source_->Complete(), IsOk());
  }
  std::string Lines() {
    const absl::StatusOr<std::vector<IndexesOfTable>> tables = tenant_->Indexes({});
    if (!tables.ok()) return tables.status().ToString();
    std::string all;
    for (const IndexesOfTable& table : *tables) {
      for (const std::string& line : table.lines) all += line + "\n";
    }
    return all;
  }
  std::vector<std::string> Own() {
    std::vector<std::string> indexes;
    for (const Row& row : Partner(path()).Ask(
             "SELECT tbl_name || ': ' || substr(sql, instr(sql, ' ON ') + 4) FROM sqlite_schema WHERE type = "
             "'index' AND name LIKE '\\_mirror\\_index\\_%' ESCAPE '\\' ORDER BY name")) {
      indexes.push_back(row[0].bytes);
    }
    return indexes;
  }
};

TEST_F(IndexesTest, AChangeOfThemLeavesTheTableWhereItStands) {
  source_->Mirror(People(), kRows, kFive);
  const Cell hash = Metadata("schema_hash");
  for (const SourceObjects& told :
       {Index("by_name", "name"), Index("by_age", "age", true), SourceObjects{}}) {
    source_->objects["people"] = told;
    source_->Begin();
    const TableAnswer answer = source_->Announced(People());
    EXPECT_EQ(answer.action, SchemaAction::kUnchanged);
    EXPECT_EQ(answer.position, kFive);
    ASSERT_THAT(source_->Complete(), IsOk());
    EXPECT_EQ(Metadata("schema_hash"), hash);
  }
  EXPECT_EQ(Visible(People()), kRows);
  EXPECT_THAT(Own(), IsEmpty()) << "nobody asked for them";
}

TEST_F(IndexesTest, AreKeptAndShownUntilTheyAreToldOtherwise) {
  source_->objects["people"] = Index("by_name", "name");
  source_->Mirror(People(), kRows, kFive);
  EXPECT_THAT(Lines(), HasSubstr("CREATE INDEX IF NOT EXISTS \"by_name\" ON \"people\" (\"name\");"));
  Restart();
  EXPECT_THAT(Lines(), HasSubstr("by_name")) << "in the mirror's file";
  source_->objects["people"] = Index("by_age", "age");
  Cycle();
  EXPECT_THAT(Lines(), AllOf(HasSubstr("by_age"), Not(HasSubstr("by_name"))));
  EXPECT_THAT(tenant_->Indexes({"PEOPLE"}), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(tenant_->Indexes({"nobody"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("mirrorctl tables")));
}

TEST_F(IndexesTest, WhatAnOlderAgentAnnouncesIsNotTakenForNone) {
  source_->Mirror(People(), kRows, kFive);
  EXPECT_THAT(tenant_->Indexes({}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("agent is older than 0.2")));
  source_->objects["people"] = {};
  Cycle({People(), Pairs()});
  EXPECT_THAT(Lines(), HasSubstr("-- table \"pairs\": the source did not report"));
}

TEST_F(IndexesTest, WhatCannotBeMeantIsIgnoredInWordsAndTheRowsAreMirrored) {
  source_->Begin();
  const std::vector<AnnouncedTable> tables = {
      {"people", People(), absl::InvalidArgumentError("table 'people': 65 indexes are announced")}};
  for (int i = 0; i < 2; ++i) {
    ASSERT_THAT(tenant_->Announce(source_->caller, source_->cycle, "source", "digest", tables, source_->now),
                IsOk());
    source_->Populate(People(), kRows, kFive);
    ASSERT_THAT(source_->Complete(), IsOk());
    source_->Begin();
  }
  EXPECT_EQ(Visible(People()), kRows);
  const std::string told = catalog_.Messages("indexes.ignored");
  EXPECT_THAT(told, HasSubstr("65 indexes"));
  EXPECT_EQ(told.find('\n'), told.size() - 1) << "once";
}

TEST_F(IndexesTest, AreForgottenWithTheirTable) {
  source_->objects["people"] = Index("by_name", "name");
  source_->Mirror(People(), kRows, kFive);
  ASSERT_THAT(tenant_->Reset({"people"}, source_->now), IsOk());
  EXPECT_THAT(Partner(path()).One("SELECT count(*) FROM _mirror_source_objects"), Cell(0));
}

class FollowTest : public IndexesTest {
 protected:
  FollowTest() : IndexesTest(Following()) {}

  /// A new server for which the tenant has this rule.
  void RestartWith(bool follow) {
    options_.indexes->Set({.follow = {{"*", follow}}});
    Restart();
  }
};

TEST_F(FollowTest, TheyAreMadeOnceTheRowsAreThereAndFollowEachChange) {
  source_->objects["people"] = Index("by_name", "name", /*unique=*/true);
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}, {2, "Ada", 45}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(Own(), ElementsAre("people: \"people\" (\"name\")")) << "not UNIQUE";
  source_->objects["people"] = Index("by_name", "age");
  Cycle();
  EXPECT_THAT(Own(), ElementsAre("people: \"people\" (\"age\")"));
  EXPECT_EQ(Metadata("lsn"), Cell(5));
  source_->objects["people"] = {};
  Cycle();
  EXPECT_THAT(Own(), IsEmpty());
}

TEST_F(FollowTest, ValuesThatChangePlacesWithinABatchAreNotRefused) {
  source_->objects["people"] = Index("by_name", "name", /*unique=*/true);
  source_->Mirror(People(), kRows, kFive);
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  const BatchOutcome exchanged =
      source_->Send(People(), {.rows = {{1, "Grace", 36}, {2, "Ada", 45}}, .base_lsn = 5, .commit = kTen});
  EXPECT_THAT(exchanged.status, IsOk());
  EXPECT_THAT(Own(), SizeIs(1));
}

TEST_F(FollowTest, PopulationsKeepThemAndThePartnersOwn) {
  source_->objects["people"] = Index("by_name", "name");
  source_->Mirror(People(), kRows, kFive);
  ByHand("CREATE INDEX mine ON people (age); CREATE TABLE notes (n); CREATE INDEX ours ON notes (n)");
  source_->Mirror(People(), {{3, "Joan", 1}}, kTen);
  EXPECT_THAT(Own(), SizeIs(1));
  EXPECT_THAT(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name IN ('mine', 'ours')"),
              Cell(2));
  EXPECT_THAT(tenant_->CheckIntegrity(), IsOk());
  source_->objects["people"] = {};
  Cycle();
  EXPECT_THAT(Own(), IsEmpty());
  EXPECT_THAT(Partner(path()).One("SELECT count(*) FROM sqlite_schema WHERE name IN ('mine', 'ours')"),
              Cell(2));
}

TEST_F(FollowTest, AColumnThatGoesWithItsIndexIsDroppedInPlace) {
  source_->objects["people"] = Index("by_age", "age");
  source_->Mirror(People(), kRows, kFive);
  TableSchema without = People();
  without.columns.pop_back();
  source_->objects["people"] = {};
  source_->Begin();
  const TableAnswer answer = source_->Announced(without);
  EXPECT_EQ(answer.action, SchemaAction::kAltered) << answer.reason;
  EXPECT_EQ(answer.position, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(Own(), IsEmpty());
}

TEST_F(FollowTest, ATableThatWentAndCameBackHasThemAgain) {
  source_->objects["people"] = Index("by_age", "age");
  source_->Mirror(People(), kRows, kFive);
  Cycle({Pairs()});
  EXPECT_THAT(Own(), IsEmpty()) << "set aside";
  source_->Mirror(People(), kRows, kTen);
  EXPECT_THAT(Own(), ElementsAre("people: \"people\" (\"age\")"));
}

TEST_F(FollowTest, WhoTurnsItOffLosesThemAndWhoTurnsItOnGetsThem) {
  source_->objects["people"] = Index("by_age", "age");
  source_->Mirror(People(), kRows, kFive);
  RestartWith(false);
  source_->objects["people"] = Index("by_age", "age");
  Cycle();
  EXPECT_THAT(Own(), IsEmpty());
  RestartWith(true);
  source_->objects["people"] = Index("by_age", "age");
  Cycle();
  EXPECT_THAT(Own(), SizeIs(1));
}

TEST_F(FollowTest, OneThatCannotBeMadeFailsNoCycleIsToldOnceAndIsTriedAgain) {
  source_->objects["people"] = Index("by_age", "age");
  source_->Mirror(People(), kRows, kFive);
  source_->objects["people"] = Index("by_name", "name");
  source_->objects["people"].indexes.push_back({"by_both", false, {{"name"}, {"age"}}});
  const std::string taken = QuoteName(OwnIndexName(People(), source_->objects["people"].indexes[0]));
  ByHand("CREATE TABLE " + taken + " (a)");
  for (int i = 0; i < 2; ++i) Cycle();
  EXPECT_THAT(Own(), ElementsAre("people: \"people\" (\"name\", \"age\")")) << "the others are made";
  const std::string told = catalog_.Messages("indexes.failed");
  EXPECT_THAT(told, AllOf(HasSubstr("people"), HasSubstr("tried again")));
  EXPECT_EQ(told.find('\n'), told.size() - 1) << "once";
  ByHand("DROP TABLE " + taken);
  Cycle();
  EXPECT_THAT(Own(), SizeIs(2));
}

TEST_F(FollowTest, AColumnThatChangesItsTypeInPlaceHasThemAgain) {
  source_->objects["people"] = Index("by_age", "age");
  TableSchema kept = People();
  kept.preserve_target = true;
  source_->Mirror(kept, kRows, kFive);
  kept.columns[2].type = Type::kText;
  source_->Begin();
  ASSERT_EQ(source_->Announced(kept).action, SchemaAction::kRepopulate);
  source_->Populate(kept, {{1, "Ada", "36"}}, kTen);
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(Own(), ElementsAre("people: \"people\" (\"age\")"));
}

TEST_F(FollowTest, HostileNamesAreNamesAndNothingElse) {
  SourceObjects objects;
  for (const char* const name : {"a\"; DROP TABLE people; --", "x]'`", "select", "_mirror_tenant", "people",
                                 "sqlite_autoindex_people_1", "a\nb"}) {
    objects.indexes.push_back({name, true, {{"name"}, {"age"}}});
  }
  ASSERT_THAT(CheckObjects(objects, People()), IsOk());
  source_->objects["people"] = objects;
  source_->Mirror(People(), kRows, kFive);
  EXPECT_THAT(Own(), SizeIs(objects.indexes.size()));
  EXPECT_EQ(Visible(People()), kRows);
  EXPECT_THAT(tenant_->CheckIntegrity(), IsOk());
  source_->objects["people"] = {};
  Cycle();
  EXPECT_THAT(Own(), IsEmpty());
}

/// Of indexes that the configuration has.
class ConfiguredTest : public IndexesTest {
 protected:
  void Configure(const std::vector<SourceIndex>& indexes, const std::string& table = "people") {
    IndexRules rules;
    for (const SourceIndex& index : indexes) rules.configured.push_back({"ct*", table, index});
    options_.indexes->Set(rules);
  }
  const SourceIndex by_name_ = {"by_name", false, {{"NAME", true, Collation::kNocase}, {"age"}}};
  const SourceIndex by_age_ = {"by_age", false, {{"age"}}};
};

TEST_F(ConfiguredTest, TheyAreMadeAndChangedAndTakenAwayWithoutARestart) {
  Configure({by_age_});
  source_->Mirror(People(), kRows, kFive);
  EXPECT_THAT(Own(), ElementsAre("people: \"people\" (\"age\")"));
  EXPECT_THAT(Lines(), HasSubstr("-- [[tenant.index]] \"_mirror_index_set_"))
      << "and the source told nothing";
  Configure({by_name_});
  EXPECT_THAT(Lines(), HasSubstr("not there yet"));
  EXPECT_THAT(Own(), SizeIs(1)) << "no call of a source or an operator waits for it";
  Cycle();
  EXPECT_THAT(Own(), ElementsAre("people: \"people\" (\"name\" COLLATE NOCASE DESC, \"age\")"));
  Configure({});
  Cycle();
  EXPECT_THAT(Own(), IsEmpty());
  EXPECT_EQ(Metadata("lsn"), Cell(5));
  EXPECT_EQ(Visible(People()), kRows);
}

TEST_F(ConfiguredTest, PopulationsResetsAndRestartsKeepThem) {
  Configure({by_age_});
  source_->Mirror(People(), kRows, kFive);
  source_->Mirror(People(), {{3, "Joan", 1}}, kTen);
  EXPECT_THAT(Own(), SizeIs(1));
  ASSERT_THAT(tenant_->Reset({"people"}, source_->now), IsOk());
  EXPECT_THAT(Own(), IsEmpty());
  source_->Mirror(People(), kRows, kTen);
  EXPECT_THAT(Own(), SizeIs(1));
  Restart();
  ByHand("DROP INDEX " +
         QuoteName(
             Partner(path()).One("SELECT name FROM sqlite_schema WHERE name GLOB '_mirror_index_*'").bytes));
  Cycle();
  EXPECT_THAT(Own(), SizeIs(1)) << "a server that starts looks at them";
}

TEST_F(ConfiguredTest, AColumnThatGoesTakesItAlongAndOneThatComesBringsIt) {
  Configure({by_age_});
  source_->Mirror(People(), kRows, kFive);
  TableSchema without = People();
  without.columns.pop_back();
  source_->Begin();
  EXPECT_EQ(source_->Announced(without).action, SchemaAction::kAltered);
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(Own(), IsEmpty());
  EXPECT_THAT(catalog_.Messages("indexes.rule_idle"), HasSubstr("table 'people' has no column 'age'"));
  EXPECT_THAT(Lines(), HasSubstr("not made, the table has no column 'age'"));
  source_->Mirror(People(), kRows, kTen);
  EXPECT_THAT(Own(), SizeIs(1));
}

TEST_F(ConfiguredTest, OneThatCannotBeMadeIsToldOnceAndStopsNoOther) {
  Configure({{"wrong", false, {{"agee"}}}, by_age_});
  source_->Mirror(People(), kRows, kFive);
  Cycle();
  EXPECT_THAT(Own(), SizeIs(1));
  const std::string told = catalog_.Messages("indexes.rule_idle");
  EXPECT_THAT(told, AllOf(HasSubstr("index 'wrong': table 'people' has no column 'agee'"),
                          HasSubstr("SIGHUP"), Not(HasSubstr("by_age"))));
  EXPECT_EQ(told.find('\n'), told.size() - 1) << "once";
  Configure({by_age_}, "peopel");
  Cycle();
  EXPECT_THAT(catalog_.Messages("indexes.rule_idle"),
              HasSubstr("index 'by_age': no table is named 'peopel'"));
  EXPECT_THAT(Own(), IsEmpty());
}

TEST_F(ConfiguredTest, BesideThoseThatFollowEachHasItsOwn) {
  options_.indexes->Set({.follow = {{"*", true}}, .configured = {{"*", "*", by_age_}}});
  source_->objects["people"] = Index("theirs", "name");
  source_->Mirror(People(), kRows, kFive);
  EXPECT_THAT(Own(), SizeIs(2));
  // An older agent's, which tells nothing: what followed stays, what was configured goes with its rule.
  source_->objects.clear();
  options_.indexes->Set({.follow = {{"*", true}}});
  Cycle({People(), Pairs()});
  EXPECT_THAT(Own(), ElementsAre("people: \"people\" (\"name\")"));
}

}  // namespace
}  // namespace mirror::indexes_test
