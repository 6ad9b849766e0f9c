// What a door keeps beside the rows: it moves in the transaction of the rows, and is read by kind and id.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/contract/store_contract.h"
#include "tests/support/plan_and_commit.h"

namespace mirror::store_documents_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StoreDocuments : public StoreContract {
 protected:
  void Write(std::vector<DocumentChange> changes, std::int64_t now_ms = 5,
             std::vector<DocumentBound> bounds = {}) {
    Plan plan;
    plan.now_ms = now_ms;
    plan.documents = std::move(changes);
    plan.document_bounds = std::move(bounds);
    EXPECT_THAT(store_->Commit(plan), IsOk());
  }
  std::vector<std::string> Ids(const std::string& kind, const std::string& from = "", std::size_t max = 100) {
    const auto documents = store_->records().ReadDocuments(kind, from, max);
    EXPECT_THAT(documents, IsOk());
    std::vector<std::string> ids;
    if (!documents.ok()) return ids;
    for (const Document& document : *documents) ids.push_back(document.id);
    return ids;
  }
};

TEST_P(StoreDocuments, AreNotThereUntilOneIsWritten) {
  const auto none = store_->records().ReadDocument("mapper", "m1");
  ASSERT_THAT(none, IsOk());
  EXPECT_FALSE(none->has_value());
  EXPECT_THAT(Ids("mapper"), IsEmpty());
  Write({}, 5, {{.kind = "mapper", .before_ms = 9, .count_max = 1}});
  EXPECT_THAT(Ids("mapper"), IsEmpty());
}

TEST_P(StoreDocuments, AreReadAsTheyWereWrittenByKindAndId) {
  Write({{"mapper", "m1", "{\"a\":\"\u00e9\"}"},
         {"job", "m1", ""},
         {"mapper", "B", "x"},
         {"mapper", "a", "y"}});
  const auto one = store_->records().ReadDocument("mapper", "m1");
  ASSERT_THAT(one, IsOk());
  EXPECT_EQ(*one, (Document{"mapper", "m1", "{\"a\":\"\u00e9\"}", 5}));
  EXPECT_EQ((*store_->records().ReadDocument("job", "m1"))->text, "");
  EXPECT_THAT(Ids("mapper"), ElementsAre("B", "a", "m1")) << "by bytes";
  EXPECT_THAT(Ids("mapper", "B"), ElementsAre("B", "a", "m1"));
  EXPECT_THAT(Ids("mapper", "C"), ElementsAre("a", "m1"));
  EXPECT_THAT(Ids("mapper", "", 2), ElementsAre("B", "a"));
  Write({{"mapper", "m1", "new"}, {"mapper", "B", std::nullopt}, {"mapper", "none", std::nullopt}}, 7);
  EXPECT_EQ(*store_->records().ReadDocument("mapper", "m1"), (Document{"mapper", "m1", "new", 7}));
  EXPECT_THAT(Ids("mapper"), ElementsAre("a", "m1"));
}

TEST_P(StoreDocuments, GoOnAfterReopening) {
  Write({{"job", "1", "x"}});
  Reopen();
  EXPECT_THAT(Ids("job"), ElementsAre("1"));
}

TEST_P(StoreDocuments, AreBoundByAgeAndByNumber) {
  for (int at = 1; at <= 6; ++at) Write({{"answer", absl::StrCat(9 - at), "x"}, {"other", "o", "x"}}, at);
  Write({}, 7, {{.kind = "answer", .before_ms = 3, .count_max = 100}});
  EXPECT_THAT(Ids("answer"), ElementsAre("3", "4", "5", "6"));
  Write({{"answer", "1", "x"}}, 8, {{.kind = "answer", .before_ms = 0, .count_max = 2}});
  EXPECT_THAT(Ids("answer"), ElementsAre("1", "3"));
  EXPECT_THAT(Ids("other"), ElementsAre("o"));
}

TEST_P(StoreDocuments, WhatIsRefusedWritesNone) {
  Plan refused;
  refused.cycle = 123;
  refused.documents = {{"job", "1", "x"}};
  EXPECT_THAT(store_->Commit(refused), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(Ids("job"), IsEmpty());
}

TEST_P(StoreDocuments, AreSeenInTheTransactionThatWroteOthers) {
  Write({{"job", "1", "before"}});
  const auto committed =
      PlanAndCommit(*store_, [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
        const auto before = store_->records().ReadDocument("job", "1");
        if (!before.ok()) return before.status();
        Plan plan;
        plan.documents = {{"job", "1", (*before)->text + " and after"}};
        return plan;
      });
  ASSERT_THAT(committed, IsOk());
  EXPECT_EQ((*store_->records().ReadDocument("job", "1"))->text, "before and after");
}

TEST_P(StoreDocuments, RowsAreReadByKeyInTheTransaction) {
  const TableSchema table = NamedTable(
      "partner",
      {KeyColumn("id", Type::kText), PlainColumn("name", Type::kText), PlainColumn("n", Type::kInt64)});
  Create(table);
  ASSERT_THAT(Insert(table, {{"a", "one", 1}, {"B", nullptr, 2}, {"a b", "three", nullptr}}).status, IsOk());
  const auto read = [&](const std::vector<std::string>& keys) {
    std::vector<std::string> seen;
    const absl::StatusOr<RowBlock> block = store_->records().ReadRows(table, keys, kAnyBytes);
    EXPECT_THAT(block, IsOk());
    if (!block.ok()) return seen;
    RowBlock rows = *block;
    const absl::StatusOr<ChangeBatch> batch = BatchOf(table, &rows);
    EXPECT_THAT(batch, IsOk());
    for (std::uint32_t row = 0; batch.ok() && row < batch->row_count; ++row) {
      std::string& text = seen.emplace_back();
      for (const ColumnView& column : batch->columns) {
        const Value value = column.At(row);
        absl::StrAppend(&text,
                        value.kind == Kind::kNull      ? "-"
                        : value.kind == Kind::kInteger ? std::to_string(value.integer)
                                                       : std::string(value.bytes),
                        "|");
      }
    }
    return seen;
  };
  EXPECT_THAT(read({"a", "b", "B", "a b"}),
              testing::UnorderedElementsAre("a|one|1|", "B|-|2|", "a b|three|-|"));
  EXPECT_THAT(store_->records().ReadRows(table, {"a", "B"}, 4), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(store_->records().ReadRows(table, {"a", "B"}, 1'000), IsOk());
  EXPECT_THAT(store_->records().ReadRows(table, {"a"}, 1), IsOk()) << "one row is always read";
  EXPECT_THAT(read({"A"}), IsEmpty()) << "by bytes";
  EXPECT_THAT(read({}), IsEmpty());
  const auto looked = PlanAndCommit(*store_, [&](const TenantRecord&) -> absl::StatusOr<std::optional<Plan>> {
    EXPECT_THAT(read({"a"}), ElementsAre("a|one|1|"));
    return std::nullopt;
  });
  EXPECT_THAT(looked, IsOk());
}

INSTANTIATE_TEST_SUITE_P(EveryStore, StoreDocuments, testing::ValuesIn(EveryBackend()), NameOfBackend);

}  // namespace
}  // namespace mirror::store_documents_test
