#include "server/tenant/readings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/server/tenant/tenant_bench.h"

// What the door for JSON reads of a tenant.

namespace mirror::readings_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Position kFive{Lsn{5}, "five"}, kTen{Lsn{10}, "ten"};

TableSchema Named(const std::string& name) {
  TableSchema table = People();
  table.name = name;
  return table;
}

class ReadingsTest : public TenantBench {
 protected:
  absl::Status Read(const std::string& table = "people") {
    const absl::Status page = tenant_->ReadCommitted(table, ReadingKind::kPage).status();
    EXPECT_EQ(tenant_->ReadCommitted(table, ReadingKind::kStream).status(), page);
    return page;
  }
  /// As "name:rows"; `most` of them.
  std::vector<std::string> Listed(const std::string& after = "", std::size_t most = 100) {
    std::vector<std::string> names;
    const absl::StatusOr<std::uint64_t> total =
        tenant_->ListCommitted(after, [&](const TableRecord& record, const TableSchema& kept) {
          if (names.size() == most) return false;
          names.push_back(kept.name + ":" + std::to_string(record.row_count));
          return true;
        });
    EXPECT_THAT(total, IsOk());
    total_ = total.value_or(0);
    return names;
  }

  std::uint64_t total_ = 0;
};

TEST_F(ReadingsTest, ATableThatWasNeverPopulatedIsNotReadAsAnEmptyOne) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kFailedPrecondition,
                               AllOf(HasSubstr("'people'"), HasSubstr("never populated"),
                                     HasSubstr("Its source populates it"))));
  EXPECT_THAT(Listed(), IsEmpty());
  // A population that has begun, and one that was cut off.
  const BatchOutcome begun = source_->Send(
      People(), {.rows = {{1, "Ada", 36}}, .populate = PopulateReason::kRequested, .target = kFive});
  ASSERT_THAT(begun.status, IsOk());
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kFailedPrecondition));
  source_->Begin("holder", /*take_over=*/true);
  EXPECT_THAT(Read(), StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_THAT(source_->Announce({People()}), IsOk());
  source_->Populate(People(), {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(Read(), IsOk());
  EXPECT_THAT(Listed(), ElementsAre("people:1"));
}

TEST_F(ReadingsTest, AnEmptyTableThatWasPopulatedIsRead) {
  source_->Mirror(People(), {}, kFive);
  EXPECT_THAT(Read(), IsOk());
  EXPECT_THAT(Listed(), ElementsAre("people:0"));
}

TEST_F(ReadingsTest, ATableThatIsToBePopulatedAgainKeepsItsReaders) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  ASSERT_THAT(tenant_->Invalidate({"people"}, source_->now), IsOk());
  EXPECT_THAT(Read(), IsOk());
  EXPECT_THAT(Listed(), ElementsAre("people:1"));
  source_->Mirror(People(), {{1, "Ada", 36}, {2, "Bob", 7}}, kTen);
  ByHand("UPDATE ctx_mirroring SET lsn = -1");
  EXPECT_THAT(Read(), IsOk());
  const absl::StatusOr<CommittedReading> reading = tenant_->ReadCommitted("people", ReadingKind::kPage);
  ASSERT_THAT(reading, IsOk());
  EXPECT_EQ(reading->record.position.lsn, Lsn{});
}

TEST_F(ReadingsTest, TablesAreListedByNameWithoutThoseThatCannotBeRead) {
  source_->Begin();
  ASSERT_THAT(source_->Announce({Named("b"), Named("A"), Named("c"), Named("late")}), IsOk());
  source_->Populate(Named("b"), {{1, "Ada", 36}}, kFive);
  source_->Populate(Named("A"), {}, kFive);
  source_->Populate(Named("c"), {{1, "Ada", 36}, {2, "Bob", 7}}, kFive);
  ASSERT_THAT(source_->Complete(), IsOk());
  EXPECT_THAT(Listed(), ElementsAre("A:0", "b:1", "c:2"));
  EXPECT_EQ(total_, 3U);
  EXPECT_THAT(Listed("", 2), ElementsAre("A:0", "b:1"));
  EXPECT_THAT(Listed("B"), ElementsAre("c:2")) << "names are compared without case";
  EXPECT_EQ(total_, 3U);
  EXPECT_THAT(Listed("c"), IsEmpty());
  EXPECT_THAT(Read("none"), StatusIs(absl::StatusCode::kNotFound,
                                     AllOf(HasSubstr("'none'"), HasSubstr("/records lists its tables"))));
}

}  // namespace
}  // namespace mirror::readings_test
