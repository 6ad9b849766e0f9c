// Digests of rows on their way: a value counts as what a mirror shows of it.

#include "client/source/sqlite/log/block_digests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "proto/wire/text_form.h"

namespace mirror::block_digests_test {
namespace {

struct Typed {
  Type type;
  std::uint32_t precision;
  std::string text;
};
const Typed kTyped[] = {{Type::kDate, 0, "2024-05-01"},
                        {Type::kTime, 3, "12:30:00.250"},
                        {Type::kTimestamp, 7, "2024-05-01 12:30:00.1234567"},
                        {Type::kTimestampTz, 0, "2024-05-01 12:30:00Z"},
                        {Type::kUuid, 0, "0b5b4c4e-7d3f-4a54-9c3e-0123456789ab"}};

/// One column of each type with a text form, all of them the key, then DECIMAL, BYTES and BOOL.
class BlockDigestsTest : public testing::Test {
 protected:
  BlockDigestsTest() {
    table_.name = "t";
    for (const Typed& typed : kTyped)
      Add(typed.type, typed.precision, static_cast<int>(table_.columns.size()) + 1);
    Add(Type::kDecimal, 10, 0);
    Add(Type::kBytes, 0, 0);
    Add(Type::kBool, 0, 0);
    block_ = RowBlock::ForAll(table_);
    for (std::size_t i = 0; i < std::size(kTyped); ++i) {
      if (kTyped[i].type == Type::kUuid) {
        block_.columns[i].AppendBytes(*ParseUuid(kTyped[i].text));
      } else {
        block_.columns[i].AppendInt(*ParseTextForm(table_.columns[i], kTyped[i].text));
      }
    }
    block_.columns[5].AppendBytes("12.5");
    block_.columns[6].AppendBytes("\x01\x02");
    block_.columns[7].AppendInt(1);
  }
  void Add(Type type, std::uint32_t precision, int key_position) {
    Column& column = table_.columns.emplace_back();
    column.name = std::string(1, static_cast<char>('a' + table_.columns.size()));
    column.type = type;
    column.precision = precision;
    column.scale = type == Type::kDecimal ? 2 : 0;
    column.key_position = static_cast<decltype(column.key_position)>(key_position);
  }

  TableSchema table_;
  RowBlock block_;
};

TEST_F(BlockDigestsTest, AreOverTextFormsAsTheEndpointsAre) {
  RowDigest row;
  for (const Typed& typed : kTyped) row.AddText(typed.text);
  row.AddText("12.5");
  row.AddBytes("\x01\x02");
  row.AddInteger(1);
  BlockDigests digests(table_, block_, /*by_column=*/false);
  ASSERT_TRUE(digests.Next());
  EXPECT_EQ(digests.digest(), row.Finish());
  EXPECT_FALSE(digests.Next());
}

TEST_F(BlockDigestsTest, KeysAreAsTheyTravel) {
  BlockDigests digests(table_, block_, /*by_column=*/false);
  ASSERT_TRUE(digests.Next());
  ASSERT_EQ(digests.key().size(), std::size(kTyped));
  for (std::size_t i = 0; i < std::size(kTyped); ++i) {
    const KeyPart& part = digests.key()[i];
    EXPECT_EQ(part.kind, kTyped[i].type == Type::kUuid ? Kind::kBlob : Kind::kInteger) << i;
    EXPECT_EQ(TextForm(table_.columns[i], part.integer, part.bytes), kTyped[i].text);
  }
}

TEST_F(BlockDigestsTest, ByColumnEachValueHasItsOwn) {
  BlockDigests digests(table_, block_, /*by_column=*/true);
  ASSERT_TRUE(digests.Next());
  ASSERT_EQ(digests.hashes().size(), 8 * table_.columns.size());
  RowDigest value;
  for (std::size_t i = 0; i < std::size(kTyped); ++i) {
    value.AddText(kTyped[i].text);
    const std::uint64_t hash = value.Finish();
    EXPECT_EQ(digests.hashes().substr(8 * i, 8), std::string(reinterpret_cast<const char*>(&hash), 8)) << i;
  }
}

}  // namespace
}  // namespace mirror::block_digests_test
