#include "server/http/row_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"

// What an export reads of a tenant.

namespace mirror::row_source_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

class RowSourceTest : public TenantBench {
 protected:
  absl::StatusOr<std::unique_ptr<RowSource>> Open(const RowsWish& wish = {"people"}) {
    return OpenRows(*tenant_, wish);
  }
  /// The keys, in the order in which they come.
  static std::vector<std::int64_t> KeysOf(RowSource& source) {
    std::vector<std::int64_t> keys;
    const absl::Status status = source.Read(
        1'000'000, [] { return true; },
        [&](RowBlock* block) {
          for (const std::int64_t key : block->columns.at(0).ints()) keys.push_back(key);
          return absl::OkStatus();
        });
    EXPECT_THAT(status, IsOk());
    return keys;
  }
};

TEST_F(RowSourceTest, TheRowsAreThoseOfOneMomentWhateverIsWrittenMeanwhile) {
  source_->Mirror(People(), {{2, "Bob", 7}, {1, "Ada", 36}}, kFive);
  const auto source = Open({"PEOPLE"});
  ASSERT_THAT(source, IsOk());
  source_->Mirror(People(), {{3, "Cid", 1}}, kTen);
  const RowsForm& form = (*source)->form();
  EXPECT_EQ(form.table.name, "people");
  EXPECT_EQ(form.table.columns.size(), 3U);
  EXPECT_EQ(form.position.lsn, Lsn{5});
  EXPECT_EQ(form.rows, 2);
  EXPECT_EQ(form.moment, 0);
  EXPECT_FALSE(form.schema_hash.empty());
  EXPECT_THAT(KeysOf(**source), ElementsAre(1, 2)) << "in the order of the key";
  const auto later = Open();
  ASSERT_THAT(later, IsOk());
  EXPECT_EQ((*later)->form().position.lsn, Lsn{10});
}

TEST_F(RowSourceTest, WhoTakesNoMoreEndsTheReading) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  const auto source = Open();
  ASSERT_THAT(source, IsOk());
  EXPECT_THAT((*source)->Read(
                  1'000'000, [] { return true; },
                  [](RowBlock*) { return absl::CancelledError("the export was cancelled"); }),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(RowSourceTest, ExportsHavePlacesOfTheirOwn) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  std::vector<std::unique_ptr<RowSource>> open;
  for (int i = 0; i < kReadingsMax; ++i) {
    auto source = Open();
    ASSERT_THAT(source, IsOk());
    open.push_back(*std::move(source));
  }
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("try again")));
  EXPECT_THAT(tenant_->ReadCommitted("people", ReadingKind::kStream), IsOk());
  open.pop_back();
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(RowSourceTest, WhatThereIsNotSaysWhatToDo) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  EXPECT_THAT(Open({"nowhere"}), StatusIs(absl::StatusCode::kNotFound,
                                          AllOf(HasSubstr("'nowhere'"), HasSubstr("mirrorctl tables"))));
  EXPECT_THAT(Open({.table = "people", .history = true}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no history")));
  EXPECT_THAT(Open({.table = "people", .as_of = "7"}), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Open({.table = "people", .history = true, .as_of = "7"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("both")));
  EXPECT_THAT(Open({.table = "people", .as_of = std::string(kAsOfBytesMax + 1, '7')}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("100 bytes")));
}

}  // namespace
}  // namespace mirror::row_source_test
