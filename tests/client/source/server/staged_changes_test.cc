// Net changes from a stage bring a mirror to the rows of the source as they were at one commit: random
// histories with sendings that break off, stages that are killed, rows that are read in the source at other
// moments than those of the changes. MIRROR_TEST_SEED=n repeats a run, MIRROR_TEST_ROUNDS makes it longer or
// shorter.

#include "client/source/server/staged_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/client/source/server/staged_source.h"
#include "tests/support/status_matchers.h"

namespace mirror::staged_changes_test {
namespace {

using testing::HasSubstr;

/// Takes large values, and forgets them.
class NoLarge : public LargeSink {
 public:
  std::uint64_t NewValue() override { return ++values_; }
  absl::Status Part(std::uint32_t /*column*/, std::uint64_t /*id*/, std::uint64_t /*offset*/,
                    std::string_view data) override {
    bytes_ += data.size();
    return absl::OkStatus();
  }
  std::uint64_t values_ = 0, bytes_ = 0;
};

using ReadBaseFrom = std::function<absl::StatusOr<StagedTexts::BaseRows>(const std::vector<StagedKey>&)>;

class SourceTexts : public ModelTexts {
 public:
  explicit SourceTexts(ReadBaseFrom read) : read_(std::move(read)) {}
  absl::StatusOr<BaseRows> ReadBase(const std::vector<StagedKey>& keys) override { return read_(keys); }

 private:
  const ReadBaseFrom read_;
};

/// Rows with an odd number in `a` are left out; `b` is sent as a text of its own.
class StepTexts : public SourceTexts {
 public:
  using SourceTexts::SourceTexts;
  bool HasSteps() const override { return true; }
  absl::StatusOr<bool> TakeSteps(std::vector<Value>* values) override {
    (*values)[2].integer += 100;
    return (*values)[1].integer % 2 == 0;
  }
};

StageModelTable StepsOf(const StageModelTable& rows) {
  StageModelTable taken;
  for (auto [key, row] : rows) {
    if (std::stoll(row.at(kModelA)) % 2 != 0) continue;
    row[kModelB] = std::to_string(std::stoll(row.at(kModelB)) + 100);
    taken[key] = row;
  }
  return taken;
}

/// Rows as the source has them at some moment, or each at one of its own; what follows is staged behind it.
ReadBaseFrom ReadAtSomeMoment(StagedSource& source, ModelRandom* random, bool each) {
  return [&source, random, each, readings = 0](const std::vector<StagedKey>& keys) mutable {
    ++readings;
    const std::size_t before = source.commits();
    // It calms down, or there is always another round.
    for (int i = readings > 6 ? 0 : random->Below(3); i > 0; --i) source.Commit(random);
    // As a marker: later than all that was seen.
    source.Commit(random, 0);
    const bool settled = readings % 4 == 3;
    const std::size_t seen = settled ? source.commits()
                                     : before + static_cast<std::size_t>(random->Below(
                                                    static_cast<int>(source.commits() - before) + 1));
    const std::size_t back = settled ? 0 : std::min(seen, static_cast<std::size_t>(random->Below(3)));
    StagedTexts::BaseRows base;
    base.from = source.LsnOf(seen - back);
    for (const StagedKey& key : keys) {
      const std::size_t moment =
          each ? seen - static_cast<std::size_t>(random->Below(static_cast<int>(back) + 1)) : seen;
      const StageModelTable& rows = source.state(moment);
      const auto row = rows.find(UnpackStagedKey(key).front());
      if (row != rows.end()) base.rows.push_back({key, ModelValues(row->second)});
    }
    source.StageAll(random, /*is_read=*/true);
    return base;
  };
}

struct Sending {
  StageFolder& stage;
  StagedSource& source;
  ModelRandom* random;
  bool steps = false;

  /// Until the end, or some piece of it. False: it broke off.
  bool Run(StagedAsk ask, bool breaks_off, StageModelTable* mirror) {
    ReadBaseFrom read = ReadAtSomeMoment(source, random, random->Chance(50));
    std::unique_ptr<StagedTexts> texts;
    if (steps) texts = std::make_unique<StepTexts>(std::move(read));
    if (!steps) texts = std::make_unique<SourceTexts>(std::move(read));
    const std::unique_ptr<ChangeReader> reader = ReadStagedChanges(*stage, std::move(texts), std::move(ask));
    NoLarge sink;
    for (int pieces = 0;; ++pieces) {
      const BlockSize size = {1'000'000, static_cast<std::size_t>(1 + random->Below(4))};
      absl::StatusOr<ChangePiece> piece = reader->Next(size, &sink);
      EXPECT_TRUE(piece.ok()) << piece.status();
      if (!piece.ok()) return false;
      std::size_t rows = 0;
      for (const ChangeBlock& block : piece->blocks) rows += block.rows.rows();
      EXPECT_LE(rows, size.rows);
      EXPECT_TRUE(ApplyBlocks(piece->blocks, mirror).empty());
      if (piece->last) return true;
      if (breaks_off && random->Chance(30)) return false;
      // The source goes on meanwhile.
      if (pieces < 10 && random->Chance(20)) {
        source.Commit(random);
        source.StageAll(random, /*is_read=*/true);
      }
    }
  }
};

StagedAsk AskFor(const StagedSource& source, std::int64_t from, std::int64_t target) {
  StagedAsk ask;
  ask.table = source.table();
  ask.from = from;
  ask.target = {Lsn{target}, "token"};
  ask.schema = ModelSchema();
  ask.columns = {0, 1, 2, 3};
  return ask;
}

/// A mirror that was populated with rows of one moment, or of as many as it has rows, behind a position.
StageModelTable Populated(const StagedSource& source, std::size_t from, std::size_t until,
                          ModelRandom* random) {
  StageModelTable mirror;
  const bool each = random->Chance(50);
  const auto moment = [&] {
    return from + static_cast<std::size_t>(random->Below(static_cast<int>(until - from) + 1));
  };
  const std::size_t one = moment();
  for (int key = 0; key < 7; ++key) {
    const StageModelTable& rows = source.state(each ? moment() : one);
    const auto row = rows.find(std::to_string(key));
    if (row != rows.end()) mirror.insert(*row);
  }
  return mirror;
}

void PlayStagedHistory(StageFolder& stage, std::int64_t table, std::int64_t first_lsn, ModelRandom* random,
                       std::int64_t* last_lsn) {
  StageModelTable rows;
  for (int i = random->Below(5); i > 0; --i) {
    const std::string key = std::to_string(i);
    rows[key] = {{kModelKey, key}, {kModelA, "0"}, {kModelB, "0"}, {kModelLong, random->Digit()}};
  }
  ASSERT_THAT(stage->SetTable(ModelStagedTable(table, first_lsn)), IsOk());
  StagedSource source(stage, table, first_lsn, rows);
  for (int i = 2 + random->Below(6); i > 0; --i) {
    source.Commit(random);
    if (random->Chance(30)) source.StageAll(random);
  }
  source.StageAll(random);
  const std::size_t target = source.commits();
  const std::size_t from = static_cast<std::size_t>(random->Below(static_cast<int>(target) + 1));
  Sending sending{stage, source, random, random->Chance(30)};
  StageModelTable mirror = Populated(source, from, target, random);
  if (sending.steps) mirror = StepsOf(mirror);
  const auto of_source = [&](std::size_t commit) {
    return sending.steps ? StepsOf(source.state(commit)) : source.state(commit);
  };
  StagedAsk ask = AskFor(source, source.LsnOf(from), source.LsnOf(target));
  ask.whole_rows = random->Chance(30);
  ask.mirrored_lsn = source.LsnOf(target);
  if (random->Chance(40)) sending.Run(ask, /*breaks_off=*/true, &mirror);
  if (ask.whole_rows) {
    // Some that the mirror lacks, or has in excess.
    for (int i = random->Below(3); i > 0; --i) {
      const std::string key = std::to_string(random->Below(7));
      ask.also.push_back(ModelKey(key));
      mirror.erase(key);
    }
  }
  ask.mirrored_lsn = source.LsnOf(source.commits());
  const std::size_t least = target;
  ASSERT_TRUE(sending.Run(ask, /*breaks_off=*/false, &mirror));
  bool found = false;
  for (std::size_t i = least; i <= source.commits(); ++i) found = found || mirror == of_source(i);
  EXPECT_TRUE(found) << "the mirror is as the source was at no commit";
  // What followed.
  source.Commit(random);
  source.StageAll(random);
  ask = AskFor(source, source.LsnOf(target), source.LsnOf(source.commits()));
  // Nothing is committed meanwhile but what readings commit.
  ASSERT_TRUE(sending.Run(ask, /*breaks_off=*/false, &mirror));
  found = false;
  for (std::size_t i = target; i <= source.commits(); ++i) found = found || mirror == of_source(i);
  EXPECT_TRUE(found) << "the mirror is as the source was at no commit, later";
  EXPECT_THAT(stage->DropTable(table), IsOk());
  *last_lsn = source.LsnOf(source.commits());
}

TEST(StagedChanges, BringAMirrorToTheRowsOfOneCommit) {
#ifdef NDEBUG
  constexpr std::uint64_t kRounds = 60;
#else
  constexpr std::uint64_t kRounds = 20;
#endif
  const std::uint64_t rounds = ModelVariable("MIRROR_TEST_ROUNDS", kRounds);
  const std::uint64_t seed = ModelVariable("MIRROR_TEST_SEED", std::random_device{}());
  StageFolder stage;
  std::int64_t lsn = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("repeat with MIRROR_TEST_ROUNDS=1 MIRROR_TEST_SEED=", seed + round));
    ModelRandom random(seed + round);
    // So little that most of it is spilled, or enough for some transactions.
    stage.options().fold_bytes = random.Chance(50) ? 500 : 64'000'000;
    stage.Open();
    PlayStagedHistory(stage, static_cast<std::int64_t>(round) + 1, lsn, &random, &lsn);
    if (testing::Test::HasFailure()) return;
  }
}

// --- One by one ---

class StagedChangesTest : public testing::Test {
 protected:
  using Kind = LoggedChange::Kind;

  void SetUp() override { ASSERT_THAT(stage_->SetTable(ModelStagedTable(1)), IsOk()); }

  StageModelRow Row(const std::string& key, const std::string& a = "1") {
    return {{kModelKey, key}, {kModelA, a}, {kModelB, "2"}, {kModelLong, "3"}};
  }
  void Log(const std::vector<StageModelChange>& changes) {
    ASSERT_THAT(stage_->Begin({lsn_ += 10, 1, 1}), IsOk());
    for (const StageModelChange& change : changes) ASSERT_THAT(stage_->Take(1, ToLogged(change)), IsOk());
    ASSERT_THAT(stage_->Commit(), IsOk());
    ASSERT_THAT(stage_->Flush(), IsOkAndHolds(lsn_));
  }
  StagedAsk Ask(std::int64_t from) {
    StagedAsk ask;
    ask.table = 1;
    ask.from = from;
    ask.target = {Lsn{lsn_}, "token"};
    ask.schema = ModelSchema();
    ask.columns = {0, 1, 2, 3};
    return ask;
  }
  std::unique_ptr<ChangeReader> Read(StagedAsk ask, ReadBaseFrom base = nullptr) {
    std::unique_ptr<StagedTexts> texts = std::make_unique<ModelTexts>();
    if (base) texts = std::make_unique<SourceTexts>(std::move(base));
    return ReadStagedChanges(*stage_, std::move(texts), std::move(ask));
  }

  StageFolder stage_;
  std::int64_t lsn_ = 0;
  NoLarge sink_;
};

TEST_F(StagedChangesTest, SendTheColumnsThatTheLogNamesAndAreAskedFor) {
  Log({{Kind::kUpdate, "1", "1", {{kModelA, "7"}}},
       {Kind::kUpdate, "2", "2", {{kModelA, "8"}, {kModelB, "9"}}},
       {Kind::kUpdate, "3", "3", {{kModelB, "9"}}}});
  StagedAsk ask = Ask(0);
  ask.columns = {0, 1, 3};
  const absl::StatusOr<ChangePiece> piece = Read(ask)->Next({}, &sink_);
  ASSERT_THAT(piece, IsOk());
  // Of row 3 nothing is wanted.
  ASSERT_EQ(piece->blocks.size(), 1U);
  EXPECT_EQ(piece->blocks[0].operation, Operation::kUpdate);
  ASSERT_EQ(piece->blocks[0].rows.columns.size(), 2U);
  EXPECT_EQ(piece->blocks[0].rows.columns[1].column(), 1U);
  EXPECT_EQ(piece->blocks[0].rows.columns[1].ints(), (std::vector<std::int64_t>{7, 8}));
  EXPECT_TRUE(piece->last);
  EXPECT_EQ(piece->target, (Position{Lsn{10}, "token"}));
}

TEST_F(StagedChangesTest, GiveDeletesFirstAndPlanThem) {
  Log({{Kind::kInsert, "", "1", Row("1")}});
  Log({{Kind::kDelete, "5", "", {}},
       {Kind::kInsert, "", "2", Row("2")},
       {Kind::kUpdate, "6", "6", {{kModelA, "1"}}}});
  Log({{Kind::kInsert, "", "3", Row("3")}, {Kind::kDelete, "7", "", {}}, {Kind::kInsert, "", "9", Row("9")}});
  Log({{Kind::kDelete, "9", "", {}}});
  const auto reader = Read(Ask(10));
  std::vector<Operation> order;
  std::optional<Planned> planned;
  for (bool last = false; !last;) {
    const absl::StatusOr<ChangePiece> piece = reader->Next({1'000'000, 1}, &sink_);
    ASSERT_THAT(piece, IsOk());
    for (const ChangeBlock& block : piece->blocks) order.push_back(block.operation);
    if (!planned) planned = piece->planned;
    last = piece->last;
  }
  EXPECT_THAT(order, testing::ElementsAre(Operation::kDelete, Operation::kDelete, Operation::kDelete,
                                          Operation::kUpdate, Operation::kInsert, Operation::kInsert));
  ASSERT_TRUE(planned.has_value());
  EXPECT_EQ(planned->inserts, 2U);
  EXPECT_EQ(planned->updates, 1U);
  // Row 9 came and went since.
  EXPECT_EQ(planned->expected_deletes, 2U);
  EXPECT_EQ(planned->deletes, 0U);
}

TEST_F(StagedChangesTest, SendNoDeleteOfAKeyThatDoesNotFitAndNoRowOfOne) {
  Log({{Kind::kInsert, "", kModelMisfit, Row(kModelMisfit)}, {Kind::kInsert, "", "1", Row("1")}});
  Log({{Kind::kDelete, kModelMisfit, "", {}}, {Kind::kDelete, "2", "", {}}});
  const auto reader = Read(Ask(0));
  StageModelTable mirror = {{"2", Row("2")}};
  for (bool last = false; !last;) {
    const absl::StatusOr<ChangePiece> piece = reader->Next({}, &sink_);
    ASSERT_THAT(piece, IsOk());
    EXPECT_TRUE(ApplyBlocks(piece->blocks, &mirror).empty());
    last = piece->last;
  }
  EXPECT_EQ(mirror, (StageModelTable{{"1", Row("1")}}));
  Log({{Kind::kInsert, "", kModelMisfit, Row(kModelMisfit)}});
  EXPECT_TRUE(absl::IsAborted(Read(Ask(0))->Next({}, &sink_).status()));
}

TEST_F(StagedChangesTest, SendWhatIsAskedForAsTheSourceHasItWhereNothingNewerIsStaged) {
  Log({{Kind::kInsert, "", "1", Row("1")},
       {Kind::kInsert, "", "2", Row("2")},
       {Kind::kInsert, "", "3", Row("3")}});
  Log({{Kind::kUpdate, "2", "2", {{kModelA, "8"}}}});
  StagedAsk ask = Ask(lsn_);
  ask.whole_rows = true;
  ask.also = {ModelKey("1"), ModelKey("2"), ModelKey("3")};
  // Rows 1 and 3 were changed past the log; row 2, too, and then by the log.
  const auto reader =
      Read(ask, [this](const std::vector<StagedKey>&) -> absl::StatusOr<StagedTexts::BaseRows> {
        StagedTexts::BaseRows base;
        base.from = lsn_;
        for (const char* const key : {"1", "2"})
          base.rows.push_back({ModelKey(key), ModelValues(Row(key, "7"))});
        return base;
      });
  StageModelTable mirror = {{"1", Row("1")}, {"2", Row("2")}, {"3", Row("3")}};
  for (bool last = false; !last;) {
    const absl::StatusOr<ChangePiece> piece = reader->Next({}, &sink_);
    ASSERT_THAT(piece, IsOk());
    EXPECT_TRUE(ApplyBlocks(piece->blocks, &mirror).empty());
    last = piece->last;
  }
  EXPECT_EQ(mirror, (StageModelTable{{"1", Row("1", "7")}, {"2", Row("2", "8")}}));
}

TEST_F(StagedChangesTest, DoNotCountADeleteThatTheMirrorNeverNeededEvenInASinglePiece) {
  Log({{Kind::kInsert, "", "1", Row("1")}});
  Log({{Kind::kDelete, "1", "", {}}});
  const auto reader = Read(Ask(0));
  absl::StatusOr<ChangePiece> piece = reader->Next({}, &sink_);
  ASSERT_THAT(piece, IsOk());
  EXPECT_FALSE(piece->last);  // Else all its deletes would count.
  EXPECT_EQ(piece->planned->expected_deletes, 0U);
  ASSERT_EQ(piece->blocks.size(), 1U);
  piece = reader->Next({}, &sink_);
  ASSERT_THAT(piece, IsOk());
  EXPECT_TRUE(piece->last);
  EXPECT_TRUE(piece->blocks.empty());
  // A mirror that may have the row from a sending that broke off.
  StagedAsk ask = Ask(0);
  ask.mirrored_lsn = 10;
  piece = Read(ask)->Next({}, &sink_);
  ASSERT_THAT(piece, IsOk());
  EXPECT_TRUE(piece->last);
  EXPECT_EQ(piece->planned->expected_deletes, 1U);
}

TEST_F(StagedChangesTest, ReadARowThatMovedWithoutItsLongValueUntilTheSourceShowsIt) {
  Log({{Kind::kUpdate, "1", "2", {{kModelKey, "2"}, {kModelA, "5"}, {kModelB, "6"}}}});
  int readings = 0;
  const auto base = [&](const std::vector<StagedKey>& keys) -> absl::StatusOr<StagedTexts::BaseRows> {
    EXPECT_EQ(keys, std::vector<StagedKey>{ModelKey("2")});
    StagedTexts::BaseRows rows;
    // At first another row stands there, then none, then this.
    rows.from = ++readings == 1 ? 5 : 15;
    if (readings == 1) rows.rows.push_back({keys[0], ModelValues(Row("2", "9"))});
    if (readings == 3)
      rows.rows.push_back(
          {keys[0], ModelValues({{kModelKey, "2"}, {kModelA, "0"}, {kModelB, "0"}, {kModelLong, "8"}})});
    return rows;
  };
  StageModelTable mirror = {{"1", Row("1")}};
  const auto reader = Read(Ask(0), base);
  for (bool last = false; !last;) {
    const absl::StatusOr<ChangePiece> piece = reader->Next({}, &sink_);
    ASSERT_THAT(piece, IsOk());
    ApplyBlocks(piece->blocks, &mirror);
    last = piece->last;
  }
  EXPECT_EQ(readings, 3);
  EXPECT_EQ(mirror,
            (StageModelTable{{"2", {{kModelKey, "2"}, {kModelA, "5"}, {kModelB, "6"}, {kModelLong, "8"}}}}));
}

TEST_F(StagedChangesTest, GiveUpOnARowThatTheSourceNeverShows) {
  Log({{Kind::kUpdate, "1", "2", {{kModelKey, "2"}, {kModelA, "5"}}}});
  int readings = 0;
  const auto base = [&](const std::vector<StagedKey>&) -> absl::StatusOr<StagedTexts::BaseRows> {
    ++readings;
    return StagedTexts::BaseRows{{}, 1'000};
  };
  EXPECT_THAT(Read(Ask(0), base)->Next({}, &sink_),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("could not be read")));
  EXPECT_EQ(readings, kStagedReadsMax);
}

TEST_F(StagedChangesTest, AreRefusedBelowTheFloorAndBehindATruncate) {
  Log({{Kind::kInsert, "", "1", Row("1")}});
  ASSERT_THAT(stage_->Begin({lsn_ += 10, 1, 1}), IsOk());
  ASSERT_THAT(stage_->Truncate(1), IsOk());
  ASSERT_THAT(stage_->Take(1, ToLogged({Kind::kInsert, "", "4", Row("4")})), IsOk());
  ASSERT_THAT(stage_->Commit(), IsOk());
  ASSERT_THAT(stage_->Flush(), IsOk());
  EXPECT_THAT(Read(Ask(10))->Next({}, &sink_), StatusIs(absl::StatusCode::kAborted, HasSubstr("TRUNCATE")));
  EXPECT_THAT(Read(Ask(20))->Next({}, &sink_), IsOk());

  // All rows that there are.
  const auto all = ReadEmptiedTable(*stage_, std::make_unique<ModelTexts>(), Ask(0));
  RowBlock block = RowBlock::For(ModelSchema(), {0, 1, 2, 3});
  EXPECT_THAT(all->Next({}, &block, &sink_), IsOkAndHolds(false));
  EXPECT_EQ(block.columns[0].ints(), std::vector<std::int64_t>{4});

  ASSERT_THAT(stage_->RaiseFloor(1, 50, "its type changed"), IsOk());
  EXPECT_THAT(Read(Ask(49))->Next({}, &sink_),
              StatusIs(absl::StatusCode::kAborted, HasSubstr("its type changed")));
  EXPECT_THAT(Read(Ask(50))->Next({}, &sink_), IsOk());
  const auto none = ReadEmptiedTable(*stage_, std::make_unique<ModelTexts>(), Ask(0));
  EXPECT_THAT(none->Next({}, &block, &sink_), StatusIs(absl::StatusCode::kAborted));
  ASSERT_THAT(stage_->DropTable(1), IsOk());
  EXPECT_THAT(Read(Ask(50))->Next({}, &sink_), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(StagedChangesTest, SendLongValuesAhead) {
  TableSchema schema = ModelSchema();
  schema.columns[3].type = Type::kText;
  class LongTexts : public ModelTexts {
   public:
    absl::StatusOr<std::vector<Value>> Decode(const std::vector<std::uint32_t>& columns,
                                              const std::vector<SourceText>& texts) override {
      absl::StatusOr<std::vector<Value>> values = ModelTexts::Decode(columns, texts);
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (columns[i] == 3) (*values)[i] = {mirror::Kind::kText, 0, 0, *texts[i]};
      }
      return values;
    }
  };
  StageModelRow row = Row("1");
  row[kModelLong] = std::string(6'000'000, 'x');
  Log({{Kind::kInsert, "", "1", row}});
  StagedAsk ask = Ask(0);
  ask.schema = schema;
  const auto reader = ReadStagedChanges(*stage_, std::make_unique<LongTexts>(), ask);
  const absl::StatusOr<ChangePiece> piece = reader->Next({}, &sink_);
  ASSERT_THAT(piece, IsOk());
  EXPECT_EQ(sink_.values_, 1U);
  EXPECT_EQ(sink_.bytes_, 6'000'000U);
  ASSERT_EQ(piece->blocks.size(), 1U);
  EXPECT_EQ(piece->blocks[0].rows.columns[3].large().size(), 1U);
}

}  // namespace
}  // namespace mirror::staged_changes_test
