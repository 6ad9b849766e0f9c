#include "client/run/open_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mirror::log_bounds_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SourceConfig WithBounds() {
  SourceConfig source;
  source.server.max_wal_bytes = 1'000'000;
  source.server.max_stage_bytes = 10'000'000;
  return source;
}

TEST(NearBoundsTest, FarFromThemNothingIsTold) {
  EXPECT_THAT(NearBounds({}, WithBounds()), IsEmpty()) << "nothing is known";
  EXPECT_THAT(NearBounds({.lag = 1'000'000,
                          .retained = 1'000'000,
                          .safe = 500'000,
                          .unconfirmed = 900'000'000,
                          .stage_rows = 900'000'000,
                          .stage_bytes = 8'000'000},
                         WithBounds()),
              IsEmpty());
}

TEST(NearBoundsTest, ALagOverMaxWalIsTold) {
  EXPECT_THAT(NearBounds({.lag = 1'000'001, .retained = 2'000'000}, WithBounds()),
              ElementsAre(testing::AllOf(HasSubstr("976.6KiB ahead"), HasSubstr("over max_wal"))));
}

TEST(NearBoundsTest, WhatAnOpenTransactionHoldsIsTold) {
  EXPECT_THAT(NearBounds({.lag = 10, .retained = 5'000'000}, WithBounds()),
              ElementsAre(HasSubstr("End that transaction")));
}

TEST(NearBoundsTest, BeforeTheSourceDropsWhatItKeepsItIsTold) {
  EXPECT_THAT(NearBounds({.lag = 10, .retained = 900'000, .safe = 299'999}, WithBounds()),
              ElementsAre(HasSubstr("max_slot_wal_keep_size")));
}

TEST(NearBoundsTest, BeforeRowsOfTheStageGoItIsTold) {
  EXPECT_THAT(NearBounds({.stage_bytes = 8'000'001}, WithBounds()),
              ElementsAre(testing::AllOf(HasSubstr("7.6MiB of max_stage"), HasSubstr("9.5MiB"))));
}

}  // namespace
}  // namespace mirror::log_bounds_test
