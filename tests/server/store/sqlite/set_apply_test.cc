#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/rows/sqlite_partner_table.h"
#include "tests/server/tenant/tenant_bench.h"

// A batch that one statement applies as a whole. That it leaves what the bind loop leaves is shown by the
// store's contract, which both pass; here is what only it has to get right.

namespace mirror::set_apply_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Position kFive{Lsn{5}, "five"};

class SetApply : public TenantBench {
 protected:
  SetApply() : TenantBench({}, {.apply = ApplyMethod::kSet}) {}

  void BeginAgain(const TableSchema& table) {
    source_->Begin();
    ASSERT_THAT(source_->Announce({table}), IsOk());
  }
  Cell Count(const TableSchema& table) const { return Metadata("row_count", table.name); }
};

Rows Numbered(int from, int to, const std::string& name) {
  Rows rows;
  for (int i = from; i < to; ++i) rows.push_back({i, name, i % 90});
  return rows;
}

TEST_F(SetApply, RowsAreCountedWhetherTheyAreNewOrNot) {
  source_->Mirror(People(), Numbered(100, 200, "first"), kFive);
  BeginAgain(People());
  std::uint64_t seq = 0;
  const auto send = [&](Operation operation, const Rows& rows) {
    return source_->Send(People(), {.operation = operation, .rows = rows, .seq = ++seq, .base_lsn = 5})
        .status;
  };

  ASSERT_THAT(send(Operation::kInsert, Numbered(200, 230, "behind")), IsOk());
  EXPECT_EQ(Count(People()), Cell(130));
  ASSERT_THAT(send(Operation::kInsert, Numbered(90, 110, "across the beginning")), IsOk());
  EXPECT_EQ(Count(People()), Cell(140));
  ASSERT_THAT(send(Operation::kInsert, Numbered(229, 240, "across the end")), IsOk());
  EXPECT_EQ(Count(People()), Cell(150));
  ASSERT_THAT(send(Operation::kDelete, {{95}, {96}, {5'000}}), IsOk()) << "one is not there";
  EXPECT_EQ(Count(People()), Cell(148));
  EXPECT_EQ(Visible(People()).size(), 148U);
}

TEST_F(SetApply, AnUpsertsColumnsMayComeInAnyOrder) {
  source_->Mirror(People(), Numbered(0, 100, "first"), kFive);
  // As the mirror has them no more.
  TableSchema table = People();
  std::swap(table.columns[1], table.columns[2]);
  BeginAgain(table);
  Rows changed;
  for (int i = 50; i < 150; ++i) changed.push_back({i % 90, i, "changed"});

  ASSERT_THAT(source_->Send(table, {.rows = changed, .columns = {"age", "id", "name"}, .base_lsn = 5}).status,
              IsOk());

  EXPECT_EQ(Count(table), Cell(150));
  EXPECT_EQ(Partner(path()).Ask("SELECT * FROM people WHERE id IN (49, 50, 149)"),
            (Rows{{49, "first", 49}, {50, "changed", 50}, {149, "changed", 59}}));
}

TEST_F(SetApply, AKeyOfSeveralColumnsThatAllBeginTheSameIsNew) {
  Rows first, second;
  for (int i = 0; i < 50; ++i) first.push_back({1, "a" + std::to_string(100 + i), "v"});
  for (int i = 0; i < 50; ++i) second.push_back({1, "a" + std::to_string(120 + i), "w"});
  source_->Mirror(Pairs(), first, kFive);
  BeginAgain(Pairs());

  ASSERT_THAT(source_->Send(Pairs(), {.rows = second, .base_lsn = 5}).status, IsOk());

  EXPECT_EQ(Count(Pairs()), Cell(70));
  EXPECT_EQ(Visible(Pairs())[19], (Row{1, "a119", "v"}));
  EXPECT_EQ(Visible(Pairs())[20], (Row{1, "a120", "w"}));
}

TEST_F(SetApply, EveryMissingRowIsNamedByItsPlaceInTheMessage) {
  source_->Mirror(People(), Numbered(0, 100, "first"), kFive);
  BeginAgain(People());

  const BatchOutcome outcome = source_->Send(People(), {.operation = Operation::kUpdate,
                                                        .rows = {{900, "x"}, {7, "x"}, {-3, "x"}, {8, "x"}},
                                                        .columns = {"id", "name"},
                                                        .base_lsn = 5});

  EXPECT_THAT(outcome.status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("2 rows")));
  EXPECT_THAT(outcome.missing_rows, ElementsAre(0, 2));
  EXPECT_EQ(Visible(People())[7], (Row{7, "first", 7})) << "nothing of it stays";
}

TEST_F(SetApply, StatisticsFromWhenTheTableWasSmallDoNotTurnTheJoinAround) {
  source_->Mirror(People(), {{1, "only", 1}}, kFive);
  ByHand("ANALYZE");
  BeginAgain(People());
  std::uint64_t seq = 0;
  ASSERT_THAT(
      source_->Send(People(), {.rows = Numbered(0, 3'000, "many"), .seq = ++seq, .base_lsn = 5}).status,
      IsOk());
  Rows changed;
  for (int i = 0; i < 3'000; ++i) changed.push_back({i, "changed"});

  ASSERT_THAT(source_
                  ->Send(People(), {.operation = Operation::kUpdate,
                                    .rows = changed,
                                    .columns = {"id", "name"},
                                    .seq = ++seq,
                                    .base_lsn = 5})
                  .status,
              IsOk());

  EXPECT_EQ(Partner(path()).One("SELECT count(*) FROM people WHERE name = 'changed'"), Cell(3'000));
}

TEST_F(SetApply, APartnersTableOfTheSameNameIsNotReadInPlaceOfTheBatch) {
  source_->Mirror(People(), Numbered(0, 100, "first"), kFive);
  ByHand(
      "CREATE TABLE _mirror_batch_16 (c0, c1, c2); INSERT INTO _mirror_batch_16 VALUES (1, 'planted', 1), "
      "(2, 'planted', 2)");
  BeginAgain(People());
  std::uint64_t seq = 0;
  ASSERT_THAT(source_->Send(People(), {.rows = {{1, "sent", 1}}, .seq = ++seq, .base_lsn = 5}).status,
              IsOk());
  ASSERT_THAT(source_
                  ->Send(People(), {.operation = Operation::kUpdate,
                                    .rows = {{2, "sent"}},
                                    .columns = {"id", "name"},
                                    .seq = ++seq,
                                    .base_lsn = 5})
                  .status,
              IsOk());
  ASSERT_THAT(
      source_->Send(People(), {.operation = Operation::kDelete, .rows = {{3}}, .seq = ++seq, .base_lsn = 5})
          .status,
      IsOk());

  EXPECT_EQ(Partner(path()).Ask("SELECT id, name FROM people WHERE id < 5"),
            (Rows{{0, "first"}, {1, "sent"}, {2, "sent"}, {4, "first"}}));
}

TEST_F(SetApply, APartnersViewOverTheBatchShowsNothing) {
  source_->Mirror(People(), Numbered(0, 10, "first"), kFive);
  ByHand("CREATE VIEW spy AS SELECT * FROM _mirror_batch_16");
  EXPECT_ANY_THROW(Partner(path()).Ask("SELECT * FROM spy"));
  BeginAgain(People());
  EXPECT_THAT(source_->Send(People(), {.rows = Numbered(0, 10, "second"), .base_lsn = 5}).status, IsOk());
}

/// Rows that are there already, which may be replaced where nothing of them would be lost.
class UpsertAsSet : public SetApply {
 protected:
  void SetUp() override { source_->Mirror(People(), {{1, "first", 10}, {2, "second", 20}}, kFive); }

  absl::Status Upsert(const Rows& rows) {
    BeginAgain(People());
    return source_->Send(People(), {.rows = rows, .base_lsn = 5}).status;
  }
  bool MayReplace() const {
    const auto connection = SqliteConnection::Open(path(), false, MirrorUse::kReading, nullptr);
    return PlainOrder(**connection, "people", People()).value().has_value();
  }
  Rows All() const { return Partner(path()).Ask("SELECT * FROM people ORDER BY id"); }
};

TEST_F(UpsertAsSet, ATableAsTheMirrorMadeItMayHaveItsRowsReplaced) {
  EXPECT_TRUE(MayReplace());
  ASSERT_THAT(Upsert({{2, "new", 21}, {3, "third", 30}}), IsOk());
  EXPECT_EQ(All(), (Rows{{1, "first", 10}, {2, "new", 21}, {3, "third", 30}}));
  EXPECT_EQ(Count(People()), Cell(3));
}

TEST_F(UpsertAsSet, AColumnOfThePartnersStays) {
  ByHand("ALTER TABLE people ADD COLUMN note TEXT; UPDATE people SET note = 'kept'");
  EXPECT_FALSE(MayReplace());
  ASSERT_THAT(Upsert({{1, "new", 11}}), IsOk());
  EXPECT_EQ(All(), (Rows{{1, "new", 11, "kept"}, {2, "second", 20, "kept"}}));
}

TEST_F(UpsertAsSet, ARowWithAValueThatThePartnerWantsOnceIsNotPushedOut) {
  ByHand("CREATE UNIQUE INDEX once ON people (age)");
  EXPECT_FALSE(MayReplace());
  EXPECT_THAT(Upsert({{1, "new", 20}}), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(All(), (Rows{{1, "first", 10}, {2, "second", 20}}));
}

TEST_F(UpsertAsSet, ANullIsNotTurnedIntoAPartnersDefault) {
  ByHand(
      "CREATE TABLE other (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'planted', age INTEGER); "
      "INSERT INTO other SELECT * FROM people; DROP TABLE people; ALTER TABLE other RENAME TO people");
  EXPECT_FALSE(MayReplace());
}

TEST_F(UpsertAsSet, AKeyThatIsNoRowidIsNotReplaced) {
  ByHand(
      "CREATE TABLE other (id INTEGER, name TEXT, age INTEGER, PRIMARY KEY (id)) WITHOUT ROWID; "
      "INSERT INTO other SELECT * FROM people; DROP TABLE people; ALTER TABLE other RENAME TO people");
  EXPECT_FALSE(MayReplace());
}

}  // namespace
}  // namespace mirror::set_apply_test
