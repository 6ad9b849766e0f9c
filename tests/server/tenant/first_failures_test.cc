#include "server/tenant/tenants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace mirror::first_failures_test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

TEST(FirstFailuresTest, TheLastReasonStandsWithTheTimeOfTheFirst) {
  FirstFailures failures;
  EXPECT_THAT(failures.All(), IsEmpty());
  failures.Note("Cust", "first", 100);
  failures.Note("cust", "second", 200);
  ASSERT_THAT(failures.All(), SizeIs(1));
  EXPECT_EQ(failures.All().front().failure, (CycleFailure{.since_ms = 100, .last_ms = 200, .why = "second"}));
  failures.Forget("CUST");
  EXPECT_THAT(failures.All(), IsEmpty());
}

TEST(FirstFailuresTest, WhoInventsNamesTakesNoMoreThanTheBound) {
  FirstFailures failures;
  for (std::size_t i = 0; i < FirstFailures::kTenantsMax + 5; ++i) {
    failures.Note(absl::StrCat("Cust", i), std::string(10'000, 'x'), static_cast<std::int64_t>(100 + i));
  }
  const auto all = failures.All();
  ASSERT_THAT(all, SizeIs(FirstFailures::kTenantsMax));
  for (const FirstFailures::Failed& one : all) {
    EXPECT_GE(one.failure.last_ms, 105) << "those that failed longest ago went";
    EXPECT_LT(one.failure.why.size(), 1'000U);
  }
}

}  // namespace
}  // namespace mirror::first_failures_test
