#include "server/rpc/admin/looks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/kept_catalog.h"
#include "tests/support/processes.h"
#include "tests/support/status_matchers.h"

namespace mirror::looks_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr LookRate::Options kSmall{.window_ms = 1'000, .of_one_max = 3, .of_all_max = 5, .names_max = 2};

TEST(LookRateTest, EachNameAndAllTogetherHaveTheirShareOfAWindow) {
  LookRate rate(kSmall);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(rate.Take("a", 10'000));
  EXPECT_FALSE(rate.Take("a", 10'000));
  EXPECT_TRUE(rate.Take("b", 10'500)) << "one does not use up what the others have";
  EXPECT_TRUE(rate.Take("b", 10'999));
  EXPECT_FALSE(rate.Take("b", 10'999));
  EXPECT_THAT(rate.TakeLeftOut(10'999), IsEmpty());
  EXPECT_TRUE(rate.Take("a", 11'000));
  const std::vector<LookRate::LeftOut> left_out = rate.TakeLeftOut(11'000);
  ASSERT_THAT(left_out, SizeIs(2));
  EXPECT_EQ(left_out[0].who + left_out[1].who, "ab");
  EXPECT_EQ(left_out[0].looks, 1U);
  EXPECT_THAT(rate.TakeLeftOut(11'000), IsEmpty());
}

TEST(LookRateTest, NamesBeyondTheFirstShareACountAndAClockThatWasSetBackStopsNothing) {
  LookRate rate(kSmall);
  for (const char* const who : {"a", "b", "c", "d", "e"}) EXPECT_TRUE(rate.Take(who, 10'000));
  EXPECT_FALSE(rate.Take("f", 10'000));
  EXPECT_TRUE(rate.Take("f", 5'000));
  const std::vector<LookRate::LeftOut> left_out = rate.TakeLeftOut(5'000);
  ASSERT_THAT(left_out, SizeIs(1));
  EXPECT_EQ(left_out[0].who, "");
}

using LooksTest = CatalogOfEachKind;

TEST_P(LooksTest, AreARingWithACountOfWhatWasLeftOut) {
  ASSERT_THAT(kept_->Open(200), IsOk());
  const TempFolder folder;
  Looks looks(*kept_->looks, folder.path() + "/looks-waiting", kSmall);
  EXPECT_THAT(looks.Last(0), IsOkAndHolds(IsEmpty()));
  for (int i = 0; i < 5; ++i) looks.Add("eve\n", "ListTenants", absl::PermissionDeniedError("no"), 1'000);
  looks.KeepHouse(2'000);
  const auto first = looks.Last(0);
  ASSERT_THAT(first, IsOkAndHolds(SizeIs(4)));
  EXPECT_EQ(first->front().outcome, "PERMISSION_DENIED");
  EXPECT_EQ(first->front().who, "eve\\x0a");
  EXPECT_EQ(first->front().time_ms, 1'000);
  EXPECT_THAT(first->back().call, HasSubstr("2 more"));

  for (int i = 0; i < 1'000; ++i) looks.Add("eve", "ListTenants", absl::OkStatus(), 10'000 + i * 1'000);
  const auto last = looks.Last(0);
  ASSERT_THAT(last, IsOk());
  EXPECT_LE(last->size(), 200U);
  EXPECT_GE(last->size(), 72U);
  EXPECT_EQ(last->back().time_ms, 10'000 + 999 * 1'000);
  EXPECT_THAT(looks.Last(2), IsOkAndHolds(SizeIs(2)));
}

/// A log that takes nothing while `fails`.
class FailingLog final : public LookLog {
 public:
  explicit FailingLog(LookLog& log) : log_(log) {}
  absl::Status Add(const AuditRecord& look) override {
    return fails ? absl::UnavailableError("database or disk is full") : log_.Add(look);
  }
  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) override { return log_.Last(limit); }

  bool fails = false;

 private:
  LookLog& log_;
};

TEST_P(LooksTest, WaitForTheCatalogAndSayHowManyDidNot) {
  ASSERT_THAT(kept_->Open(1'000), IsOk());
  const TempFolder folder;
  FailingLog log(*kept_->looks);
  const LookRate::Options any{.of_one_max = 1'000, .of_all_max = 1'000};
  auto looks = std::make_unique<Looks>(log, folder.path() + "/looks-waiting", any);
  log.fails = true;
  for (std::size_t i = 0; i < kLooksPlaces + 7; ++i)
    looks->Add("eve", absl::StrCat("ListTenants ", i), absl::OkStatus(), 1'000);
  looks.reset();
  log.fails = false;
  looks = std::make_unique<Looks>(log, folder.path() + "/looks-waiting", any);
  looks->KeepHouse(2'000);
  const auto last = looks->Last(0);
  ASSERT_THAT(last, IsOkAndHolds(SizeIs(kLooksPlaces + 1)));
  EXPECT_EQ(last->front().call, "ListTenants 0");
  EXPECT_THAT(last->back().call, HasSubstr("7 looks from 1970-01-01T00:00:01"));
}

INSTANTIATE_FOR_EACH_CATALOG(LooksTest);

}  // namespace
}  // namespace mirror::looks_test
