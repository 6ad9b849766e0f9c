// Changes that are folded, in layers, give the rows of the log applied one by one: the model of the fold,
// with random histories. MIRROR_TEST_SEED=n repeats a run, MIRROR_TEST_ROUNDS makes it longer or shorter.

#include "client/source/server/fold.h"

#include <gtest/gtest.h>

#include <iostream>
#include <utility>

#include "tests/client/source/server/staged_model.h"

namespace mirror::fold_test {
namespace {

TEST(StagedRow, KeysAreTheSameOnlyWhenTheirTextsAre) {
  const std::vector<std::vector<std::string>> keys = {{"a", "b"},
                                                      {"ab"},
                                                      {"", "ab"},
                                                      {"ab", ""},
                                                      {"", ""},
                                                      {""},
                                                      {std::string(200, 'x')},
                                                      {std::string("\0", 1)}};
  for (const auto& one : keys) {
    EXPECT_EQ(UnpackStagedKey(PackStagedKey(one)), one);
    for (const auto& other : keys) EXPECT_EQ(PackStagedKey(one) == PackStagedKey(other), one == other);
  }
  EXPECT_TRUE(UnpackStagedKey("\x05x").empty());
  EXPECT_TRUE(UnpackStagedKey("\xff").empty());
  // A length in more bytes than it needs, and one beyond 64 bits.
  EXPECT_TRUE(UnpackStagedKey(std::string("\x81\0x", 3)).empty());
  EXPECT_TRUE(UnpackStagedKey(std::string(9, '\xff') + "\x7f").empty());
}

TEST(StagedRow, ValuesKeepTheirTextsAndNulls) {
  const std::vector<StagedValue> values = {{1, "x"},
                                           {2, std::nullopt},
                                           {3, ""},
                                           {300, std::string(5'000, 'y')},
                                           {INT64_MAX, std::string("\0z", 2)}};
  EXPECT_EQ(UnpackStagedValues(PackStagedValues(values)), values);
  std::string cut = PackStagedValues(values);
  cut.pop_back();
  EXPECT_FALSE(UnpackStagedValues(cut));
}

TEST(StagedRow, NewerValuesStandOverOlderOnes) {
  const std::string older = PackStagedValues({{1, "a"}, {2, "b"}, {5, "e"}});
  const std::string newer = PackStagedValues({{2, std::nullopt}, {3, "c"}});
  EXPECT_EQ(MergeStagedValues(older, newer),
            PackStagedValues({{1, "a"}, {2, std::nullopt}, {3, "c"}, {5, "e"}}));
  EXPECT_EQ(MergeStagedValues("", newer), newer);
  EXPECT_EQ(MergeStagedValues(older, ""), older);
}

using Rows = std::map<StagedKey, FoldedRow>;

/// One fold above what lies below, as a file has it.
void LayIntoFile(const Fold& fold, Rows* file) {
  for (const auto* const entry : fold.Sorted()) {
    const auto [at, fresh] = file->try_emplace(entry->first, entry->second);
    if (!fresh) at->second = Compose(at->second, entry->second);
  }
}

std::optional<FoldedRow> Find(const Rows& rows, const StagedKey& key) {
  const auto found = rows.find(key);
  return found == rows.end() ? std::nullopt : std::optional(found->second);
}

/// What is known of a key in a layer above a file.
std::optional<FoldedRow> Find(const Fold& fold, const Rows& file, const StagedKey& key) {
  const FoldedRow* const here = fold.Find(key);
  const std::optional<FoldedRow> below = Find(file, key);
  if (here == nullptr) return below;
  return below ? Compose(*below, *here) : *here;
}

/// The same changes as one fold, and as layers of random lengths above a file.
struct Layers {
  Fold all, committed, open;
  Rows file;

  void Take(const StageModelChange& change, std::int64_t lsn, ModelRandom* random) {
    const auto none = [](const StagedKey&) { return std::optional<FoldedRow>(); };
    ASSERT_TRUE(all.Take(ToLogged(change), lsn, none).ok());
    const auto below = [&](const StagedKey& key) { return Find(committed, file, key); };
    ASSERT_TRUE(open.Take(ToLogged(change), lsn, below).ok());
    if (random->Chance(30)) committed.Lay(std::move(open));
    if (random->Chance(20)) {
      committed.Lay(std::move(open));
      LayIntoFile(committed, &file);
      committed.Clear();
    }
  }
  Rows Net() {
    committed.Lay(std::move(open));
    LayIntoFile(committed, &file);
    return file;
  }
};

/// As a mirror has it after some of the net rows, the first ones of a random order.
void Send(const Rows& net, const StageModelTable& source, std::size_t count, StageModelTable* mirror,
          ModelRandom* random) {
  std::vector<Rows::value_type> rows(net.begin(), net.end());
  const std::size_t first =
      rows.empty() ? 0 : static_cast<std::size_t>(random->Below(static_cast<int>(rows.size())));
  for (std::size_t i = 0; i < std::min(count, rows.size()); ++i) {
    const auto& [key, row] = rows[(first + i) % rows.size()];
    const std::string text = UnpackStagedKey(key).front();
    StageModelRow values;
    const std::optional<std::vector<StagedValue>> staged = UnpackStagedValues(row.values);
    for (const StagedValue& value : *staged) values[value.column] = *value.text;
    StageModelRow base;
    if (row.kind == StagedKind::kPart) base = mirror->contains(text) ? mirror->at(text) : source.at(text);
    if (row.kind == StagedKind::kMoved) base = source.at(text);
    if (row.kind == StagedKind::kGone) {
      mirror->erase(text);
      continue;
    }
    for (const auto& [column, value] : values) base[column] = value;
    (*mirror)[text] = base;
  }
}

void CheckRow(const FoldedRow& row, std::int64_t lsn) {
  EXPECT_LE(row.lsn, lsn);
  EXPECT_LE(row.born, row.lsn);
  EXPECT_LE(row.rekeyed, row.lsn);
  EXPECT_TRUE(row.kind != StagedKind::kGone || row.values.empty());
  EXPECT_TRUE(row.kind != StagedKind::kWhole || row.complete);
  EXPECT_TRUE(row.kind != StagedKind::kMoved || row.rekeyed > 0);
  const std::optional<std::vector<StagedValue>> values = UnpackStagedValues(row.values);
  EXPECT_TRUE(!row.complete || values->size() == 4);
}

void PlayHistory(ModelRandom* random) {
  StageModelTable source;
  for (int i = random->Below(5); i > 0; --i) {
    const std::string key = std::to_string(i);
    source[key] = {{kModelKey, key}, {kModelA, "0"}, {kModelB, "0"}, {kModelLong, random->Digit()}};
  }
  StageModelTable mirror = source;
  Layers layers;
  std::int64_t lsn = 0;
  for (int part = 0; part < 2; ++part) {
    for (int i = random->Below(8); i > 0; --i) {
      const std::optional<StageModelChange> change = random->Change(&source);
      if (change) layers.Take(*change, ++lsn, random);
    }
    Rows net = layers.Net();
    Rows all;
    LayIntoFile(layers.all, &all);
    ASSERT_EQ(net, all);
    for (const auto& [key, row] : net) CheckRow(row, lsn);
    if (part == 1) {
      Send(net, source, net.size(), &mirror, random);
    } else if (random->Chance(60)) {
      // It broke off.
      Send(net, source, static_cast<std::size_t>(random->Below(static_cast<int>(net.size()) + 1)), &mirror,
           random);
    }
  }
  ASSERT_EQ(mirror, source);
}

TEST(Fold, GivesTheRowsOfTheLogAppliedOneByOneInWhateverLayersItLies) {
#ifdef NDEBUG
  constexpr std::uint64_t kRounds = 60'000;
#else
  constexpr std::uint64_t kRounds = 5'000;
#endif
  const std::uint64_t rounds = std::min(kRounds, ModelVariable("MIRROR_TEST_ROUNDS", kRounds));
  const std::uint64_t seed = ModelVariable("MIRROR_TEST_SEED", std::random_device{}());
  for (std::uint64_t round = 0; round < rounds; ++round) {
    SCOPED_TRACE("repeat with MIRROR_TEST_ROUNDS=1 MIRROR_TEST_SEED=" + std::to_string(seed + round));
    ModelRandom random(seed + round);
    PlayHistory(&random);
    if (testing::Test::HasFailure()) return;
  }
}

StageModelRow Row(const std::string& key) {
  return {{kModelKey, key}, {kModelA, "1"}, {kModelB, "2"}, {kModelLong, "3"}};
}

/// No lookup below.
void Take(Fold* fold, const StageModelChange& change, std::int64_t lsn) {
  const auto none = [](const StagedKey&) { return std::optional<FoldedRow>(); };
  ASSERT_TRUE(fold->Take(ToLogged(change), lsn, none).ok());
}
using Kind = LoggedChange::Kind;

TEST(Fold, KeepsWhenARowCameAndWhenItCameFromAnotherKey) {
  Fold fold;
  Take(&fold, {Kind::kInsert, "", "1", Row("1")}, 10);
  Take(&fold, {Kind::kDelete, "1", "", {}}, 20);
  Take(&fold, {Kind::kInsert, "", "1", Row("1")}, 30);
  EXPECT_EQ(fold.Find(ModelKey("1"))->born, 10);
  EXPECT_EQ(fold.Find(ModelKey("1"))->lsn, 30);
  // A row that was there before everything that is known.
  Take(&fold, {Kind::kDelete, "2", "", {}}, 40);
  Take(&fold, {Kind::kInsert, "", "2", Row("2")}, 50);
  EXPECT_EQ(fold.Find(ModelKey("2"))->born, 0);
  Take(&fold, {Kind::kUpdate, "2", "3", {{kModelKey, "3"}}}, 60);
  Take(&fold, {Kind::kUpdate, "3", "3", {{kModelA, "7"}}}, 70);
  EXPECT_EQ(fold.Find(ModelKey("3"))->kind, StagedKind::kWhole);
  EXPECT_EQ(fold.Find(ModelKey("3"))->rekeyed, 60);
  EXPECT_EQ(fold.Find(ModelKey("3"))->born, 60);
  EXPECT_EQ(fold.Find(ModelKey("3"))->lsn, 70);
  EXPECT_EQ(fold.Find(ModelKey("2"))->kind, StagedKind::kGone);
}

TEST(Fold, CountsMemoryThatGrowsWithItsRowsAndIsGivenBack) {
  Fold fold;
  const std::size_t empty = fold.bytes();
  StageModelRow row = Row("1");
  row[kModelLong] = std::string(100'000, 'x');
  Take(&fold, {Kind::kInsert, "", "1", row}, 1);
  EXPECT_GT(fold.bytes(), empty + 100'000);
  Take(&fold, {Kind::kDelete, "1", "", {}}, 2);
  EXPECT_LT(fold.bytes(), empty + 1'000);
  for (int i = 0; i < 1'000; ++i) Take(&fold, {Kind::kDelete, std::to_string(i), "", {}}, 3);
  EXPECT_GT(fold.bytes(), 1'000 * (sizeof(StagedKey) + sizeof(FoldedRow)));
  fold.Clear();
  EXPECT_LE(fold.bytes(), empty + 1'000);
}

}  // namespace
}  // namespace mirror::fold_test
