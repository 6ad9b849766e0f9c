#include "server/journal/explanation.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/journal/key_block.h"

namespace mirror::explanation_test {
namespace {

Key KeyOf(std::int64_t id) { return {KeyPart{.kind = Kind::kInteger, .integer = id}}; }

/// An entry that names these rows of a table with the key `id`; none: any row.
JournalEntry EntryOf(std::int64_t number, JournalOperation operation, const std::vector<std::int64_t>& ids,
                     std::vector<std::string> columns = {}) {
  JournalEntry entry{.number = number, .table = "people", .moment = number, .operation = operation};
  entry.columns = std::move(columns);
  if (ids.empty()) return entry;
  std::vector<Key> keys;
  for (const std::int64_t id : ids) keys.push_back(KeyOf(id));
  PackedKeys packed = PackKeys({Column{.name = "id", .type = Type::kInt64, .key_position = 1}}, keys);
  entry.keys = std::move(packed.block);
  return entry;
}

Explanation OfRow(std::int64_t id) { return Explanation({"name", "age"}, {"id"}, KeyOf(id)); }

std::int64_t WriterOf(const Explanation& explanation, std::size_t column) {
  const auto& entry = explanation.writers()[column].entry;
  return entry ? entry->number : 0;
}

TEST(ExplanationTest, EachColumnHasItsNewestWriter) {
  Explanation row = OfRow(7);
  EXPECT_TRUE(row.Take(EntryOf(5, JournalOperation::kUpdate, {7, 9}, {"age"})));
  EXPECT_TRUE(row.Take(EntryOf(4, JournalOperation::kUpdate, {7}, {"AGE"})));
  EXPECT_FALSE(row.Take(EntryOf(3, JournalOperation::kPopulated, {})));
  EXPECT_EQ(WriterOf(row, 0), 3);
  EXPECT_EQ(WriterOf(row, 1), 5);
}

TEST(ExplanationTest, EntriesOfOtherRowsAndHeadsSayNothing) {
  Explanation row = OfRow(7);
  EXPECT_TRUE(row.Take(EntryOf(5, JournalOperation::kInsert, {6, 8})));
  EXPECT_TRUE(row.Take(EntryOf(4, JournalOperation::kHead, {})));
  EXPECT_EQ(WriterOf(row, 0), 0);
}

TEST(ExplanationTest, KeysThatCannotBeToldMayBeOfTheRow) {
  Explanation row = OfRow(7);
  JournalEntry damaged = EntryOf(5, JournalOperation::kUpdate, {6});
  damaged.keys.back() = static_cast<char>(damaged.keys.back() ^ 1);
  EXPECT_FALSE(row.Take(damaged));
  EXPECT_EQ(row.writers()[0].entry->operation, JournalOperation::kCompare);
  EXPECT_TRUE(row.writers()[0].entry->keys.empty());
}

}  // namespace
}  // namespace mirror::explanation_test
