
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "server/journal/key_block.h"
#include "tests/support/rows.h"

namespace mirror::erased_key_test {
namespace {

using testing::IsEmpty;

Key Whole(std::int64_t number) { return {{.kind = Kind::kInteger, .integer = number}}; }

JournalEntry EntryOf(const std::vector<Key>& keys) {
  const PackedKeys packed = PackKeys({KeyColumn("id", Type::kInt64, 1)}, keys);
  JournalEntry entry;
  entry.number = 7;
  entry.salt = 70;
  entry.moment = 6;
  entry.operation = JournalOperation::kUpdate;
  entry.columns = {"name"};
  entry.rows = keys.size();
  entry.keys = packed.block;
  entry.least = packed.least;
  entry.most = packed.most;
  return entry;
}

TEST(ErasedKeyTest, OtherKeysStay) {
  const std::optional<JournalEntry> rest = WithoutKey(EntryOf({Whole(1), Whole(5), Whole(9)}), Whole(9));
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(*rest, EntryOf({Whole(1), Whole(5)}));
}

TEST(ErasedKeyTest, WithoutAKeyItIsAHeadThatNobodyIsShown) {
  const std::optional<JournalEntry> rest = WithoutKey(EntryOf({Whole(5)}), Whole(5));
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(rest->operation, JournalOperation::kHead);
  EXPECT_EQ(rest->number, 7);
  EXPECT_EQ(rest->salt, 70) << "the token of whoever has read it is good";
  EXPECT_EQ(rest->moment, 6);
  EXPECT_EQ(rest->rows, 0U);
  EXPECT_THAT(rest->keys + rest->least + rest->most, IsEmpty());
  EXPECT_THAT(rest->columns, IsEmpty());
}

TEST(ErasedKeyTest, WhatDoesNotNameItStaysAsItIs) {
  EXPECT_EQ(WithoutKey(EntryOf({Whole(1), Whole(9)}), Whole(5)), std::nullopt);
  JournalEntry any;
  any.operation = JournalOperation::kPopulated;
  EXPECT_EQ(WithoutKey(any, Whole(5)), std::nullopt);
}

TEST(ErasedKeyTest, DamagedKeysGoAndAllRowsAreCompared) {
  JournalEntry damaged = EntryOf({Whole(1), Whole(5)});
  damaged.keys.back() = static_cast<char>(damaged.keys.back() ^ 1);
  const std::optional<JournalEntry> rest = WithoutKey(damaged, Whole(9));
  ASSERT_TRUE(rest.has_value());
  EXPECT_EQ(rest->operation, JournalOperation::kCompare);
  EXPECT_THAT(rest->keys, IsEmpty());
  EXPECT_THAT(rest->columns, IsEmpty());
}

}  // namespace
}  // namespace mirror::erased_key_test
