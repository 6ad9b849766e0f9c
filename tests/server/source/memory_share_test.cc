#include "server/source/memory_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "tests/support/status_matchers.h"

namespace mirror::memory_share_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(MemoryShareTest, OneMessageOfATenantAlwaysFindsRoomAndTheNextOneUpToItsLimit) {
  MemoryShare share({100, 1'000});
  MemoryShare::Part large(share, "t"), more(share, "t"), other(share, "u");
  EXPECT_THAT(large.Hold(500), IsOk());
  EXPECT_THAT(more.Hold(1), StatusIs(absl::StatusCode::kResourceExhausted,
                                     AllOf(HasSubstr("the tenant's unanswered messages would take 501"),
                                           HasSubstr("limit is 100"))));
  EXPECT_THAT(other.Hold(400), IsOk());
  EXPECT_EQ(share.bytes(), 900U);
}

TEST(MemoryShareTest, AllTogetherHaveALimit) {
  MemoryShare share({100, 150});
  MemoryShare::Part first(share, "t"), second(share, "u");
  EXPECT_THAT(first.Hold(100), IsOk());
  EXPECT_THAT(second.Hold(51), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("the endpoint")));
  EXPECT_THAT(second.Hold(50), IsOk());
}

TEST(MemoryShareTest, WhatGoesIsGivenBack) {
  MemoryShare share({100, 150});
  std::optional<MemoryShare::Part> first;
  first.emplace(share, "t");
  EXPECT_THAT(first->Hold(100), IsOk());
  EXPECT_THAT(first->Hold(30), IsOk());
  EXPECT_EQ(share.bytes(), 30U);
  MemoryShare::Part second(share, "t");
  EXPECT_THAT(second.Hold(71), StatusIs(absl::StatusCode::kResourceExhausted));
  first.reset();
  EXPECT_EQ(share.bytes(), 0U);
  EXPECT_THAT(second.Hold(71), IsOk());
}

}  // namespace
}  // namespace mirror::memory_share_test
