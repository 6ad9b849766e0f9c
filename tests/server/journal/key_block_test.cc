#include "server/journal/key_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "server/journal/journal_entry.h"
#include "tests/support/rows.h"
#include "tests/support/status_matchers.h"

namespace mirror::key_block_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

KeyPart Whole(std::int64_t number) { return {.kind = Kind::kInteger, .integer = number}; }
KeyPart Real(double number) { return {.kind = Kind::kReal, .real = number}; }
KeyPart Bytes(Kind kind, std::string bytes) { return {.kind = kind, .bytes = std::move(bytes)}; }

std::vector<Column> KeyOf(const std::vector<Type>& types) {
  std::vector<Column> columns;
  for (const Type type : types) {
    columns.push_back(KeyColumn("k" + std::to_string(columns.size() + 1), type,
                                static_cast<std::uint32_t>(columns.size() + 1)));
  }
  return columns;
}

TEST(KeyBlockTest, KeysComeOutAsTheyWentInAndInOrder) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const std::vector<Key> keys = {{Whole(kMost), Bytes(Kind::kText, "z")},
                                 {Whole(kLeast), Bytes(Kind::kText, "")},
                                 {Whole(-1), Bytes(Kind::kText, std::string("a\0b", 3))}};
  const PackedKeys packed = PackKeys(KeyOf({Type::kInt64, Type::kText}), keys);
  const KeyBlock block = UnpackKeys(packed.block).value();
  EXPECT_EQ(block.columns[0].name, "k1");
  EXPECT_EQ(block.columns[1].type, Type::kText);
  EXPECT_THAT(block.keys, ElementsAre(keys[1], keys[2], keys[0]));
  EXPECT_EQ(packed.least, OrderedKey(Whole(kLeast)));
  EXPECT_EQ(packed.most, OrderedKey(Whole(kMost)));
}

TEST(KeyBlockTest, WholeNumbersThatFollowEachOtherTakeTwoBytes) {
  std::vector<Key> keys;
  for (int i = 0; i < 10'000; ++i) keys.push_back({Whole(4'000'000'000LL + i)});
  EXPECT_LT(PackKeys(KeyOf({Type::kInt64}), keys).block.size(), 20'100U);
}

TEST(KeyBlockTest, ABatchPacksItsKeyColumnsAlone) {
  const TestBatch made = MakeBatch(Pairs(), {.rows = {{2, "b", "v"}, {1, "z", "w"}, {1, "a", "x"}}});
  ASSERT_THAT(made.batch, IsOk());
  const KeyBlock block = UnpackKeys(PackKeys(*made.schema, *made.batch).block).value();
  EXPECT_THAT(block.keys,
              ElementsAre(Key{Whole(1), Bytes(Kind::kText, "a")}, Key{Whole(1), Bytes(Kind::kText, "z")},
                          Key{Whole(2), Bytes(Kind::kText, "b")}));
}

TEST(KeyBlockTest, OfNoRowsThereIsNone) { EXPECT_THAT(PackKeys(KeyOf({Type::kInt64}), {}).block, IsEmpty()); }

TEST(KeyBlockTest, DamageIsNoticedWhereverItIs) {
  const std::string block =
      PackKeys(KeyOf({Type::kAny}), {{Whole(1)}, {Real(2.5)}, {Bytes(Kind::kBlob, "x")}}).block;
  EXPECT_THAT(UnpackKeys(block), IsOk());
  for (std::size_t i = 0; i < block.size(); ++i) {
    std::string other = block;
    other[i] = static_cast<char>(other[i] ^ 0x10);
    EXPECT_THAT(UnpackKeys(other), StatusIs(absl::StatusCode::kDataLoss)) << i;
    EXPECT_THAT(UnpackKeys(block.substr(0, i)), StatusIs(absl::StatusCode::kDataLoss)) << i;
  }
}

TEST(KeyBlockTest, OrderedKeysAreOrderedAsValuesAre) {
  std::mt19937_64 random(TestSeed());
  const auto below = [&](int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random); };
  std::vector<KeyPart> parts = {Real(0.0), Real(-0.0), Whole(0), Real(-1e300), Real(1e300)};
  for (int i = 0; i < 400; ++i) {
    switch (below(4)) {
      case 0:
        parts.push_back(Whole(static_cast<std::int64_t>(random())));
        break;
      case 1:
        parts.push_back(Real(static_cast<double>(below(2'000) - 1'000) / 8));
        break;
      default: {
        std::string text(static_cast<std::size_t>(below(40)), 'a');
        if (!text.empty()) text.back() = static_cast<char>(below(256));
        parts.push_back(Bytes(below(2) == 0 ? Kind::kText : Kind::kBlob, text));
      }
    }
  }
  std::sort(parts.begin(), parts.end());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    EXPECT_LE(OrderedKey(parts[i - 1]), OrderedKey(parts[i])) << i;
    EXPECT_LE(OrderedKey(parts[i]).size(), kOrderedKeyBytesMax);
  }
  EXPECT_EQ(OrderedKey(Real(-0.0)), OrderedKey(Whole(0)));
}

TEST(JournalTokenTest, IsReadBackAsItWasWritten) {
  for (const JournalToken& token :
       {JournalToken{}, JournalToken{1, 0}, JournalToken{4'711, -1}, JournalToken{9, 0x1234}}) {
    EXPECT_EQ(ParseJournalToken(ToString(token)).value(), token) << ToString(token);
  }
  EXPECT_EQ(ToString(JournalToken{4'711, -1}), "4711.ffffffffffffffff");
}

TEST(JournalTokenTest, WhatIsNoneIsRefused) {
  for (const char* const text :
       {"", "1", "1.", "1.12", "x.0123456789abcdef", "1.0123456789ABCDEF", "-1.0123456789abcdef",
        "0.0123456789abcdef", "01.0123456789abcdef", "1.0123456789abcdef0", "+1.0123456789abcdef",
        " 1.0123456789abcdef", "99999999999999999999.0123456789abcdef"}) {
    EXPECT_THAT(ParseJournalToken(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(ColumnListTest, IsReadBackAsItWasWritten) {
  const std::vector<std::string> names = {"a", "with \"quotes\"", "ä"};
  EXPECT_EQ(UnpackColumnList(PackColumnList(names)), names);
  EXPECT_THAT(UnpackColumnList("no list"), IsEmpty());
  EXPECT_THAT(UnpackColumnList("{}"), IsEmpty());
}

TEST(KeyBlockTest, AKeyIsFoundWithoutTheOthers) {
  const std::vector<Key> keys = {{Whole(-1), Bytes(Kind::kText, "a")},
                                 {Whole(5), Bytes(Kind::kText, "a")},
                                 {Whole(5), Bytes(Kind::kText, "c")},
                                 {Whole(9), Bytes(Kind::kText, "b")}};
  const PackedKeys packed = PackKeys(KeyOf({Type::kInt64, Type::kText}), keys);
  for (const Key& key : keys) EXPECT_TRUE(LookForKey(packed.block, key).value().has_key);
  EXPECT_FALSE(LookForKey(packed.block, {Whole(5), Bytes(Kind::kText, "b")}).value().has_key);
  EXPECT_FALSE(LookForKey(packed.block, {Whole(6), Bytes(Kind::kText, "a")}).value().has_key);
  EXPECT_FALSE(LookForKey(packed.block, {Whole(5)}).value().has_key) << "another key";
  EXPECT_TRUE(LookForKey(packed.block, {Real(9), Bytes(Kind::kText, "b")}).value().has_key)
      << "numbers by value";
  EXPECT_EQ(LookForKey(packed.block, keys[0]).value().columns[1].type, Type::kText);
  std::string damaged = packed.block;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  EXPECT_THAT(LookForKey(damaged, keys[0]), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(KeyBlockTest, AKeyIsFoundWhereItIsAndNowhereElse) {
  const std::uint32_t seed = std::random_device{}();
  std::cout << "seed " << seed << "\n";
  std::mt19937 dice(seed);
  for (int round = 0; round < 500; ++round) {
    const std::size_t columns = 1 + dice() % 3;
    // Numbers of one to three bytes as differences, and values that are there for more than one row.
    const std::int64_t spread = std::int64_t{1} << (2 + dice() % 20);
    const auto part = [&] { return Whole(static_cast<std::int64_t>(dice() % spread) - spread / 2); };
    std::set<Key> keys;
    for (std::size_t i = 0; i < 1 + dice() % 50; ++i) {
      Key key;
      while (key.size() < columns) key.push_back(part());
      keys.insert(std::move(key));
    }
    const PackedKeys packed =
        PackKeys(KeyOf(std::vector<Type>(columns, Type::kInt64)), {keys.begin(), keys.end()});
    for (const Key& key : keys) {
      ASSERT_TRUE(LookForKey(packed.block, key).value().has_key);
      for (std::size_t column = 0; column < columns; ++column) {
        for (const std::int64_t step : {-1, 1}) {
          Key other = key;
          other[column].integer += step;
          ASSERT_EQ(LookForKey(packed.block, other).value().has_key, keys.contains(other));
        }
      }
    }
  }
}

}  // namespace
}  // namespace mirror::key_block_test
