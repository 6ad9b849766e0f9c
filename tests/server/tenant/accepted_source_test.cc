// A source that an operator let take another one's place: what it is told of tables that the other one sent,
// and what ends that. Nothing of them counts as equal before they were populated or compared.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"

namespace mirror::accepted_source_test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

Position Reached(std::int64_t lsn) { return {Lsn{lsn}, "at " + std::to_string(lsn)}; }

TableSchema Others() { return People("others"); }

class AcceptedSourceTest : public TenantBench {
 protected:
  void SetUp() override {
    source_->Begin();
    ASSERT_THAT(source_->Announce({People(), Others()}), IsOk());
    for (const TableSchema& table : {People(), Others()})
      source_->Populate(table, {{1, "Ada", 36}, {2, "Bob", 4}}, Reached(5));
    Digest("people", Reached(5));
    ASSERT_THAT(source_->Complete({{.table = "people", .rows_differ = 0}}), IsOk());
    ASSERT_EQ(EqualityOf("people"), Equality::kEqual);

    source_->source_id = "another";
    Begin();
    ASSERT_THAT(source_->Complete(), IsOk());
    ASSERT_THAT(tenant_->AcceptSource(source_->now), IsOk());
  }

  /// Whatever became of the cycle before.
  void Begin() {
    source_->Begin("holder", /*take_over=*/true);
    answers_ = source_->Announce({People(), Others()}).value_or(std::vector<TableAnswer>{});
    ASSERT_THAT(answers_, SizeIs(2));
  }
  /// Of `people` and `others`, whether they may be gone on with.
  std::vector<bool> Told() const {
    std::vector<bool> told;
    for (const TableAnswer& answer : answers_) told.push_back(answer.source_accepted);
    return told;
  }
  /// As DigestRanges does it for all keys.
  void Digest(const std::string& table, const Position& position) {
    auto reading = tenant_->Read(source_->caller, source_->cycle, table, position, source_->now);
    ASSERT_THAT(reading, IsOk());
    const TableSchema kept = KeptForm(*reading->table.schema);
    auto digests = reading->snapshot->Digest(kept, PlainColumns(kept), {}, [] { return true; });
    ASSERT_THAT(digests, IsOk());
    tenant_->NoteDigests(source_->cycle, table, position, {}, *digests);
  }
  /// The source says as of when its tables are, but these.
  void CompleteBut(const std::vector<std::string>& stale, const std::vector<CompletedTable>& tables = {}) {
    ASSERT_THAT(tenant_->Complete(source_->caller, source_->cycle, tables, source_->now,
                                  AllAsOf{source_->now, stale}),
                IsOk());
  }
  Equality EqualityOf(const std::string& table) {
    const absl::StatusOr<std::vector<TableInfo>> tables = tenant_->Tables();
    EXPECT_THAT(tables, IsOk());
    for (const TableInfo& info : tables.value_or(std::vector<TableInfo>{})) {
      if (info.record.table == table) return info.check.equality;
    }
    ADD_FAILURE() << "no table " << table;
    return Equality::kUnknown;
  }
  bool IsAccepted() { return tenant_->Info()->record.source_accepted; }

  std::vector<TableAnswer> answers_;
};

TEST_F(AcceptedSourceTest, IsToldOfEachTableThatTheOtherOneSent) {
  EXPECT_EQ(EqualityOf("people"), Equality::kUnknown) << "it was equal to the former source";
  Begin();
  EXPECT_EQ(Told(), (std::vector<bool>{true, true}));
  EXPECT_EQ(answers_[0].position, Reached(5));
  EXPECT_EQ(answers_[0].action, SchemaAction::kUnchanged);
}

TEST_F(AcceptedSourceTest, IsToldAgainAfterACycleThatWasCutOff) {
  Begin();
  ASSERT_THAT(source_
                  ->Send(People(),
                         {.rows = {{3, "Cy", 1}}, .base_lsn = 5, .target = Reached(6), .commit = Reached(6)})
                  .status,
              IsOk());
  Restart();
  source_->source_id = "another";
  Begin();
  EXPECT_EQ(Told(), (std::vector<bool>{true, true})) << "what it committed was not compared";
  EXPECT_EQ(answers_[0].position, Reached(6));
}

TEST_F(AcceptedSourceTest, IsNotToldOfWhatItPopulated) {
  Begin();
  source_->Populate(People(), {{1, "Ada", 36}}, Reached(6));
  Begin();  // That one was cut off.
  EXPECT_EQ(Told(), (std::vector<bool>{false, true}));
  source_->Populate(Others(), {{1, "Ada", 36}}, Reached(7));
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_FALSE(IsAccepted());
  Begin();
  EXPECT_EQ(Told(), (std::vector<bool>{false, false}));
}

TEST_F(AcceptedSourceTest, IsNotToldOfAPopulationThatWasCutOff) {
  Begin();
  ASSERT_THAT(
      source_
          ->Send(People(),
                 {.rows = {{1, "Ada", 36}}, .populate = PopulateReason::kLineageMiss, .target = Reached(6)})
          .status,
      IsOk());
  Begin();
  EXPECT_EQ(Told(), (std::vector<bool>{false, true})) << "its LSN is -1";
}

TEST_F(AcceptedSourceTest, ProvesATableByDigestsOfAllKeysAlone) {
  Begin();
  CompleteBut({"others"}, {{.table = "people", .row_count = 2, .position = Reached(5)},
                           {.table = "others", .row_count = 2, .position = Reached(5)}});
  EXPECT_EQ(EqualityOf("people"), Equality::kUnknown) << "a number of rows proves nothing";
  Begin();
  EXPECT_EQ(Told(), (std::vector<bool>{true, true}));
  Digest("people", Reached(5));
  CompleteBut({"others"}, {{.table = "people", .position = Reached(5), .rows_differ = 0},
                           {.table = "others", .position = Reached(5), .rows_differ = 0}});
  EXPECT_EQ(EqualityOf("people"), Equality::kEqual);
  EXPECT_EQ(EqualityOf("others"), Equality::kUnknown) << "it did not ask for its digests";
  Begin();
  EXPECT_EQ(Told(), (std::vector<bool>{false, true}));
}

TEST_F(AcceptedSourceTest, StaysAcceptedUntilACycleLeavesNoTableToIt) {
  Begin();
  CompleteBut({"people", "others"});
  EXPECT_TRUE(IsAccepted());
  Begin();
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_TRUE(IsAccepted()) << "it did not say as of when its tables are";
  Begin();
  Digest("people", Reached(5));
  CompleteBut({}, {{.table = "people", .position = Reached(5), .rows_differ = 0}});
  EXPECT_FALSE(IsAccepted()) << "by its own record it knows what the other table has";
  EXPECT_EQ(EqualityOf("others"), Equality::kUnknown);
}

TEST_F(AcceptedSourceTest, IsNotKeptAcceptedByATableThatIsNotTakenOfIt) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  Digest("people", Reached(5));
  CompleteBut({}, {{.table = "people", .position = Reached(5), .rows_differ = 0}});
  EXPECT_FALSE(IsAccepted()) << "the other table was set aside";
}

TEST_F(AcceptedSourceTest, FindsItsTablesByTheirNames) {
  TableSchema wider = People(), narrower = Others();
  for (TableSchema* const table : {&wider, &narrower}) {
    table->table_id = 16'400;
    for (std::size_t i = 0; i < table->columns.size(); ++i) table->columns[i].column_id = 7 - i;
  }
  wider.columns[2].type = Type::kInt64;
  narrower.columns[2].type = Type::kInt16;
  source_->Begin();
  const auto answers = source_->Announce({wider, narrower});
  ASSERT_THAT(answers, IsOk());
  EXPECT_EQ((*answers)[0].action, SchemaAction::kAltered);
  EXPECT_TRUE((*answers)[0].source_accepted);
  EXPECT_EQ((*answers)[0].position, Reached(5));
  EXPECT_EQ((*answers)[1].action, SchemaAction::kRepopulate);
  EXPECT_THAT((*answers)[1].reason, HasSubstr("'age' changed its type"));
  EXPECT_FALSE((*answers)[1].source_accepted);
  EXPECT_EQ(Visible(People()), (Rows{{1, "Ada", 36}, {2, "Bob", 4}}));
}

TEST_F(AcceptedSourceTest, KeepsWhatAnOperatorAskedFor) {
  ASSERT_THAT(tenant_->AskToVerify({"people"}, source_->now), IsOk());
  source_->source_id = "a third";
  Begin();
  ASSERT_THAT(source_->Complete(), IsOk());
  ASSERT_THAT(tenant_->AcceptSource(source_->now), IsOk());
  Begin();
  EXPECT_TRUE(answers_[0].verify_wanted);
  EXPECT_TRUE(answers_[0].source_accepted);
  EXPECT_FALSE(answers_[1].verify_wanted);
}

TEST_F(AcceptedSourceTest, TheFormerOneIsToldNothing) {
  source_->source_id = "source";
  Begin();
  EXPECT_EQ(Told(), (std::vector<bool>{false, false}));
  EXPECT_EQ(answers_[0].action, SchemaAction::kHeld);
}

}  // namespace
}  // namespace mirror::accepted_source_test
