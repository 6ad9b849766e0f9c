// What every store says of its rows to those who compare them, and what it remembers of that.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "server/plan/comparison.h"
#include "tests/contract/store_contract.h"

namespace mirror::store_equality_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const GoOn kGoOn = [] { return true; };

class StoreEquality : public StoreContract {
 protected:
  std::unique_ptr<Snapshot> Look() {
    auto snapshot = store_->OpenSnapshot();
    EXPECT_THAT(snapshot, IsOk());
    return snapshot.ok() ? *std::move(snapshot) : nullptr;
  }
  std::vector<RangeDigest> Digest(const TableSchema& table, const std::vector<KeyRange>& ranges = {}) {
    const auto digests = Look()->Digest(table, PlainColumns(table), ranges, kGoOn);
    EXPECT_THAT(digests, IsOk());
    return digests.value_or(std::vector<RangeDigest>(std::max<std::size_t>(1, ranges.size())));
  }
  static std::uint64_t PersonDigest(std::int64_t id, const char* name, std::int64_t age) {
    RowDigest digest;
    digest.AddInteger(id);
    digest.AddText(name);
    digest.AddInteger(age);
    return digest.Finish();
  }
};

KeyPart Int(std::int64_t value) { return {.kind = Kind::kInteger, .integer = value}; }
KeyPart Text(std::string bytes) { return {.kind = Kind::kText, .bytes = std::move(bytes)}; }

TEST_P(StoreEquality, ADigestIsTheSumOfTheDocumentedRowDigests) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}, {2, "Grace", 45}}).status, IsOk());
  RangeDigest expected;
  expected.Add(PersonDigest(1, "Ada", 36));
  expected.Add(PersonDigest(2, "Grace", 45));
  EXPECT_THAT(Digest(People()), ElementsAre(expected));
}

TEST_P(StoreEquality, RangesTakeTheFirstKeyAndNotTheLast) {
  Create(Pairs());
  Rows rows;
  for (int i = 0; i < 20; ++i) rows.push_back({i / 4, std::string(1, static_cast<char>('a' + i % 4)), "v"});
  ASSERT_THAT(Insert(Pairs(), rows).status, IsOk());
  const Key middle{Int(2), Text("b")}, later{Int(3), Text("")};
  const auto digests = Digest(
      Pairs(), {{{}, middle}, {middle, later}, {later, {}}, {{}, {}}, {later, middle}, {middle, middle}});
  ASSERT_THAT(digests, SizeIs(6));
  EXPECT_EQ(digests[0].rows, 9U);
  EXPECT_EQ(digests[1].rows, 3U);
  EXPECT_EQ(digests[2].rows, 8U);
  EXPECT_EQ(digests[3].rows, 20U);
  EXPECT_EQ(digests[4].rows, 0U);
  EXPECT_EQ(digests[5].rows, 0U);
  RangeDigest sum = digests[0];
  sum.Add(digests[1]);
  sum.Add(digests[2]);
  EXPECT_EQ(sum, digests[3]);
}

TEST_P(StoreEquality, ValuesOfEveryTypeAreDigestedAsTheyAreShown) {
  std::vector<Column> columns = {KeyColumn("id", Type::kInt64)};
  for (int type = 1; type <= 14; ++type) {
    columns.push_back(PlainColumn("c" + std::to_string(type), static_cast<Type>(type)));
  }
  const TableSchema table = NamedTable("types", columns);
  Create(table);
  const std::string uuid = "\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78\x12\x34\x56\x78";
  const std::int64_t day = 864'000'000'000;
  ASSERT_THAT(Insert(table, {{1, 1, 2, 3, 4, 1.5, -0.0, "12.50", "h\xc3\xa9", Blob("\x01\x02"), 2 * day,
                              36'000'000'000, day + 1, day + 10'000'000, Blob(uuid)}})
                  .status,
              IsOk());
  RowDigest digest;
  for (const int value : {1, 1, 2, 3, 4}) digest.AddInteger(value);
  digest.AddReal(1.5);
  digest.AddReal(0.0);
  digest.AddText("12.50");
  digest.AddText("h\xc3\xa9");
  digest.AddBytes("\x01\x02");
  digest.AddText("0001-01-03");
  digest.AddText("01:00:00.0000000");
  digest.AddText("0001-01-02 00:00:00.0000001");
  digest.AddText("0001-01-02 00:00:01.0000000Z");
  digest.AddText("12345678-1234-5678-1234-567812345678");
  EXPECT_THAT(Digest(table), ElementsAre(RangeDigest{1, digest.Finish()}));
}

TEST_P(StoreEquality, ASnapshotStaysWhatItWas) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}}).status, IsOk());
  const std::unique_ptr<Snapshot> before = Look();
  ASSERT_THAT(Insert(People(), {{2, "Grace", 45}}).status, IsOk());
  EXPECT_EQ(before->Digest(People(), PlainColumns(People()), {}, kGoOn)->front().rows, 1U);
  EXPECT_EQ(before->ReadTable("people")->value().row_count, 1);
  EXPECT_EQ(Digest(People()).front().rows, 2U);
  store_.reset();
  EXPECT_EQ(before->Digest(People(), PlainColumns(People()), {}, kGoOn)->front().rows, 1U)
      << "also when the store is closed";
}

TEST_P(StoreEquality, ReadingComesBackInKeyOrder) {
  Create(Pairs());
  ASSERT_THAT(Insert(Pairs(), {{2, "b", "x"}, {1, "z", nullptr}, {2, "a", "y"}}).status, IsOk());
  std::vector<std::int64_t> first;
  std::string second;
  const absl::Status read = Look()->ReadRows(Pairs(), {0, 1}, {}, 1'000'000, kGoOn, [&](RowBlock* block) {
    first.insert(first.end(), block->columns[0].ints().begin(), block->columns[0].ints().end());
    second += block->columns[1].data();
    return absl::OkStatus();
  });
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(first, ElementsAre(1, 2, 2));
  EXPECT_EQ(second, "zab");
}

TEST_P(StoreEquality, AZeroWithASignThatAnEarlierVersionTookIsReadAsItStands) {
  if (Lacks(Capability::kSqlite)) GTEST_SKIP() << ToString(Capability::kSqlite);
  const TableSchema table =
      NamedTable("prices", {KeyColumn("id", Type::kInt64), PlainColumn("price", Type::kDecimal)});
  Create(table);
  ASSERT_THAT(Insert(table, {{1, "0.00"}}).status, IsOk());
  Do("UPDATE prices SET price = '-0.00'");
  std::string price;
  const absl::Status read = Look()->ReadRows(table, {0, 1}, {}, 1'000'000, kGoOn, [&](RowBlock* block) {
    price += block->columns[1].data();
    return absl::OkStatus();
  });
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(price, "-0.00");
}

TEST_P(StoreEquality, WhoCallsItOffIsObeyed) {
  Create(People());
  Rows rows;
  for (int i = 0; i < 100'000; ++i) rows.push_back({i, "n", i});
  ASSERT_THAT(Insert(People(), rows).status, IsOk());
  EXPECT_THAT(Look()->Digest(People(), PlainColumns(People()), {}, [] { return false; }),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(StoreEquality, ComparisonsAreKeptAndAPopulationForgetsThem) {
  Create(People());
  Plan plan;
  plan.now_ms = kNow;
  plan.checks = {{"people", Equality::kEqual, {Lsn{7}, "seven"}, kNow, 0, true},
                 {"other", Equality::kDiffers, {Lsn{8}, "eight"}, kNow, 3, false}};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  Reopen();
  EXPECT_THAT(store_->records().ReadChecks().value(), testing::UnorderedElementsAreArray(plan.checks));

  ASSERT_THAT(Run(StepAt("people", 1, {BeginShadow{People(), kCycle}})).status, IsOk());
  ASSERT_THAT(Run(StepAt("people", 2, {SwapShadow{}})).status, IsOk());
  const std::vector<TableCheck> checks = store_->records().ReadChecks().value();
  const auto people =
      std::find_if(checks.begin(), checks.end(), [](const auto& c) { return c.table == "people"; });
  ASSERT_NE(people, checks.end());
  EXPECT_EQ(people->equality, Equality::kUnknown);
  EXPECT_TRUE(people->wanted) << "what an operator asked for stays";
}

TEST_P(StoreEquality, WhatAnotherSourceSentIsUnprovenUntilItIsPopulated) {
  Create(People());
  const auto check = [this] { return store_->records().ReadChecks()->front(); };
  Plan plan;
  plan.now_ms = kNow;
  plan.checks = {UnprovenCheck({.table = "people", .position = {Lsn{7}, "seven"}}, std::nullopt)};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  Reopen();
  EXPECT_EQ(check(), plan.checks.front());
  EXPECT_TRUE(IsUnproven(check()));
  ASSERT_THAT(Run(StepAt("people", 1, {BeginShadow{People(), kCycle}})).status, IsOk());
  ASSERT_THAT(Run(StepAt("people", 2, {SwapShadow{}})).status, IsOk());
  Reopen();
  EXPECT_FALSE(IsUnproven(check()));
}

TEST_P(StoreEquality, ACountOfRowsReplacesTheOneThatIsKept) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "Ada", 36}, {2, "Grace", 45}}).status, IsOk());
  Plan plan;
  plan.now_ms = kNow;
  plan.checks = {{.table = "PEOPLE", .equality = Equality::kEqual, .row_count = 7}};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  Reopen();
  EXPECT_EQ(store_->records().ReadTable("people")->value().row_count, 7);
  EXPECT_EQ(store_->records().ReadChecks()->front().row_count, std::nullopt);
}

TEST_P(StoreEquality, HoldsAreOneForEachKindAndTableAndKeepTheirNumber) {
  Plan plan;
  plan.now_ms = kNow;
  plan.holds = {{.kind = HoldKind::kDeletes, .table = "people", .rows = 5, .rows_before = 9, .reason = "r"},
                {.kind = HoldKind::kTables, .tables = {"a", "b c"}},
                {.kind = HoldKind::kSource, .source_id = "s"}};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  std::vector<Hold> holds = store_->records().ReadHolds().value();
  ASSERT_THAT(holds, SizeIs(3));
  EXPECT_THAT(holds[1].tables, ElementsAre("a", "b c"));
  const std::uint64_t number = holds[0].id;
  plan.holds = {holds[0]};
  plan.holds[0].rows = 6;
  plan.holds[0].state = HoldState::kCommit;
  plan.settled_holds = {holds[1].id};
  ASSERT_THAT(store_->Commit(plan), IsOk());
  Reopen();
  holds = store_->records().ReadHolds().value();
  ASSERT_THAT(holds, SizeIs(2));
  EXPECT_EQ(holds[0].id, number);
  EXPECT_EQ(holds[0].rows, 6U);
  EXPECT_EQ(holds[0].state, HoldState::kCommit);
}

TEST_P(StoreEquality, LossesAreWhatReallyWentAndAreCommittedTogether) {
  Create(People());
  ASSERT_THAT(Insert(People(), {{1, "a", 1}, {2, "b", 2}, {3, "c", 3}}).status, IsOk());
  const TestBatch gone =
      MakeBatch(People(), {.operation = Operation::kDelete, .rows = {{1}, {2}, {77}}, .seq = 2});
  ASSERT_THAT(gone.batch, IsOk());
  Step step = StepAt("people", 2, {ApplyRows{gone.schema.get(), &*gone.batch, false, kCycle}});
  step.loss = Loss{.cycle = kCycle, .at_ms = kNow, .planned = 3, .rows_before = 3};
  ASSERT_THAT(Run(std::move(step)).status, IsOk());
  EXPECT_THAT(store_->records().ReadLosses("people").value(),
              ElementsAre(Loss{kCycle, kNow, 3, 2, 3, false}));

  Step commit = StepAt("people", 3);
  commit.loss = Loss{.cycle = kCycle, .at_ms = kNow + 1, .committed = true};
  ASSERT_THAT(Run(std::move(commit)).status, IsOk());
  const std::vector<Loss> losses = store_->records().ReadLosses("people").value();
  ASSERT_THAT(losses, SizeIs(1));
  EXPECT_TRUE(losses[0].committed);

  Plan plan;
  plan.forget_losses_before_ms = kNow + 10;
  ASSERT_THAT(store_->Commit(plan), IsOk());
  EXPECT_THAT(store_->records().ReadLosses("people").value(), IsEmpty());
}

TEST_P(StoreEquality, ASwapThatWouldLoseTooMuchIsRefusedAndSaysHowMuch) {
  Create(People());
  Rows rows;
  for (int i = 0; i < 3'000; ++i) rows.push_back({i, "n", i});
  ASSERT_THAT(Insert(People(), rows).status, IsOk());
  for (const bool fewer : {true, false}) {
    SCOPED_TRACE(fewer);
    ASSERT_THAT(Run(StepAt("people", 2, {BeginShadow{People(), kCycle}})).status, IsOk());
    Rows others;
    for (int i = 0; i < (fewer ? 1'000 : 3'000); ++i) others.push_back({i + 10'000, "n", i});
    ASSERT_THAT(Write(People(), {.rows = others}, /*into_shadow=*/true).status, IsOk());
    const StepResult refused = Run(StepAt("people", 9, {SwapShadow{.may_lose = 2'999}}));
    EXPECT_THAT(refused.status, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_EQ(refused.would_lose, 3'000);
    EXPECT_EQ(RowCount("people"), 3'000);
  }
  EXPECT_THAT(Run(StepAt("people", 9, {SwapShadow{.may_lose = 3'000}})).status, IsOk());
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreEquality, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_equality_test
