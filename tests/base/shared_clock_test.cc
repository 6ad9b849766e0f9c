#include "base/shared_clock.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace mirror::shared_clock_test {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;

TEST(SharedClock, IsThisMachinesUntilItIsSetAndThenTheOneThatItWasSetTo) {
  EXPECT_NEAR(static_cast<double>(SharedNowMs()), static_cast<double>(NowMs()), kMinuteMs);
  for (const std::int64_t ahead_ms : {-15 * kMinuteMs, 15 * kMinuteMs}) {
    const std::int64_t theirs_ms = NowMs() + ahead_ms;
    SetSharedClock(theirs_ms);
    const std::int64_t shown_ms = SharedNowMs();
    EXPECT_GE(shown_ms, theirs_ms);
    EXPECT_LT(shown_ms, theirs_ms + kMinuteMs);
    EXPECT_GE(SharedNowMs(), shown_ms);
  }
  SetSharedClock(NowMs());
}

}  // namespace
}  // namespace mirror::shared_clock_test
