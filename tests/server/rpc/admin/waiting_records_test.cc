#include "server/rpc/admin/waiting_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::waiting_records_test {
namespace {

using testing::HasSubstr;

constexpr std::size_t kPlaces = 5;

class WaitingRecordsTest : public testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    waiting_.reset();
    waiting_ = WaitingRecords::Open(path_, kPlaces);
  }
  static AuditRecord Record(int number) {
    return {.time_ms = 1'000 + number, .who = "ada", .call = absl::StrCat("call ", number), .outcome = "OK"};
  }
  void Put(int number) { ASSERT_THAT(waiting_->Put(Record(number)), IsOk()); }
  std::string TakeFirst() {
    const AuditRecord* const first = waiting_->First();
    if (first == nullptr) return "";
    std::string call = first->call;
    waiting_->RemoveFirst();
    return call;
  }

  const TempFolder folder_;
  const std::string path_ = folder_.path() + "/audit-waiting";
  std::unique_ptr<WaitingRecords> waiting_;
};

TEST_F(WaitingRecordsTest, WaitInTheirOrderOverStarts) {
  EXPECT_EQ(waiting_->First(), nullptr);
  for (int i = 1; i <= 3; ++i) Put(i);
  EXPECT_EQ(TakeFirst(), "call 1");
  Put(4);
  Put(5);
  Open();
  EXPECT_EQ(waiting_->count(), 4U);
  EXPECT_EQ(waiting_->free(), 1U);
  const AuditRecord* const first = waiting_->First();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->time_ms, 1'002);
  EXPECT_EQ(first->who, "ada");
  EXPECT_EQ(first->outcome, "OK");
  // A slot that was used before comes behind those that were there.
  Put(6);
  Open();
  for (int i = 2; i <= 6; ++i) EXPECT_EQ(TakeFirst(), absl::StrCat("call ", i));
  EXPECT_EQ(waiting_->First(), nullptr);
}

TEST_F(WaitingRecordsTest, HaveSoManyPlacesAndTheFileDoesNotGrow) {
  const auto size = std::filesystem::file_size(path_);
  for (int i = 0; i < static_cast<int>(kPlaces); ++i) Put(i);
  EXPECT_THAT(waiting_->Put(Record(9)), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(std::filesystem::file_size(path_), size);
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  AuditRecord longest = Record(1);
  longest.who = longest.call = std::string(500, 'x');
  TakeFirst();
  EXPECT_THAT(waiting_->Put(longest), IsOk());
  TakeFirst();
  longest.call = std::string(5'000, 'x');
  EXPECT_THAT(waiting_->Put(longest), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(WaitingRecordsTest, WhatIsLostIsCountedOverStarts) {
  waiting_->NoteLost(5);
  waiting_->NoteLost(7);
  Open();
  EXPECT_EQ(waiting_->lost().records, 2U);
  EXPECT_EQ(waiting_->lost().from_ms, 5);
  EXPECT_EQ(waiting_->lost().to_ms, 7);
  waiting_->ForgetLost();
  Open();
  EXPECT_EQ(waiting_->lost().records, 0U);
}

TEST_F(WaitingRecordsTest, ATornPlaceIsALostRecordAndTheOthersStay) {
  Put(1);
  Put(2);
  waiting_.reset();
  std::string bytes = ReadFileText(path_);
  const std::size_t at = bytes.find("call 1");
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 'C';
  WriteFileText(path_, bytes);
  Open();
  EXPECT_EQ(waiting_->lost().records, 1U);
  EXPECT_EQ(TakeFirst(), "call 2");
  EXPECT_EQ(waiting_->free(), kPlaces);
  // It is counted once, and not at each start.
  waiting_->ForgetLost();
  Open();
  EXPECT_EQ(waiting_->lost().records, 0U);
}

TEST_F(WaitingRecordsTest, ATornCountOfLostRecordsIsALostRecord) {
  waiting_->NoteLost(5);
  Put(1);
  waiting_.reset();
  std::string bytes = ReadFileText(path_);
  bytes[0] = static_cast<char>(bytes[0] + 1);
  WriteFileText(path_, bytes);
  Open();
  EXPECT_EQ(waiting_->lost().records, 1U);
  EXPECT_EQ(TakeFirst(), "call 1");
}

/// Audit tells by the time whether a record is in the catalog already.
TEST_F(WaitingRecordsTest, TwoThatAreAlikeHaveTimesOfTheirOwn) {
  Put(1);
  Put(1);
  const std::int64_t first = waiting_->First()->time_ms;
  TakeFirst();
  EXPECT_EQ(waiting_->First()->time_ms, first + 1);
}

TEST_F(WaitingRecordsTest, AFileOfAnotherSizeIsMadeAnew) {
  waiting_.reset();
  WriteFileText(path_, "something else");
  Open();
  EXPECT_EQ(waiting_->free(), kPlaces);
  EXPECT_EQ(waiting_->lost().records, 1U) << "there may have been some in it";
  EXPECT_EQ(ReadFileText(path_ + ".unread"), "something else");
  Put(1);
}

TEST_F(WaitingRecordsTest, WithoutAFileThereIsNoPlace) {
  const auto none = WaitingRecords::Open(folder_.path() + "/no/folder/waiting", kPlaces);
  EXPECT_EQ(none->places(), 0U);
  EXPECT_THAT(none->Put(Record(1)), StatusIs(absl::StatusCode::kResourceExhausted));
  none->NoteLost(3);
  EXPECT_EQ(none->lost().records, 1U);
}

}  // namespace
}  // namespace mirror::waiting_records_test
