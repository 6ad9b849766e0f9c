#include "base/iso_time.h"

#include <gtest/gtest.h>

namespace mirror::iso_time_test {
namespace {

TEST(IsoTimeTest, IsOfUtcWithThreeDigits) {
  EXPECT_EQ(Iso8601(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(Iso8601(1'795'687'687'042), "2026-11-26T10:08:07.042Z");
  EXPECT_EQ(Iso8601(951'782'400'999), "2000-02-29T00:00:00.999Z");
}

TEST(IsoTimeTest, BeforeTheEpochCountsBack) {
  EXPECT_EQ(Iso8601(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(Iso8601(-1'000), "1969-12-31T23:59:59.000Z");
  EXPECT_EQ(Iso8601(-1'001), "1969-12-31T23:59:58.999Z");
}

}  // namespace
}  // namespace mirror::iso_time_test
