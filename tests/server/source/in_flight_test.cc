#include "server/source/in_flight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"

namespace mirror::in_flight_test {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMega = 1 << 20;

InFlightLimits Limits() {
  InFlightLimits limits;
  limits.bytes_tenant_max = 8 * kMega;
  limits.bytes_max = 12 * kMega;
  limits.streams_per_tenant_max = 2;
  limits.calls_max = 8;
  return limits;
}

MATCHER_P(TooMuch, words, "is RESOURCE_EXHAUSTED for that reason") {
  return testing::ExplainMatchResult(StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr(words)), arg,
                                     result_listener);
}

TEST(InFlightTest, CallsAreBoundedAndAPlaceIsGivenBack) {
  InFlight in_flight(Limits());
  std::vector<InFlight::Call> calls;
  for (int i = 0; i < 8; ++i) {
    absl::StatusOr<InFlight::Call> call = in_flight.BeginCall("tenant " + std::to_string(i / 2));
    ASSERT_THAT(call, IsOk());
    calls.push_back(*std::move(call));
  }
  EXPECT_THAT(in_flight.BeginCall("another"), TooMuch("8 calls at a time"));

  calls.pop_back();

  EXPECT_THAT(in_flight.BeginCall("another"), IsOk());
}

TEST(InFlightTest, CallsThatWaitForOneTenantLeaveRoomForTheOthers) {
  InFlight in_flight(Limits());
  absl::StatusOr<InFlight::Call> first = in_flight.BeginCall("slow");
  {
    absl::StatusOr<InFlight::Call> second = in_flight.BeginCall("slow");
    ASSERT_THAT(second, IsOk());
    EXPECT_THAT(in_flight.BeginCall("slow"), TooMuch("the tenant has 2 calls")) << "a quarter of 8";
    EXPECT_THAT(in_flight.BeginCall("other"), IsOk());
  }
  EXPECT_THAT(in_flight.BeginCall("slow"), IsOk());
}

TEST(InFlightTest, StreamsOfATenantAreBounded) {
  InFlight in_flight(Limits());
  absl::StatusOr<InFlight::Stream> first = in_flight.OpenStream("a");
  ASSERT_THAT(first, IsOk());
  {
    absl::StatusOr<InFlight::Stream> second = in_flight.OpenStream("a");
    ASSERT_THAT(second, IsOk());
    EXPECT_THAT(in_flight.OpenStream("a"), TooMuch("2 streams"));
    EXPECT_THAT(in_flight.OpenStream("b"), IsOk());
  }
  EXPECT_THAT(in_flight.OpenStream("a"), IsOk());
}

TEST(InFlightTest, BytesOfATenantAreBoundedAndARefusalChangesNothing) {
  InFlight in_flight(Limits());
  absl::StatusOr<InFlight::Stream> first = in_flight.OpenStream("a");
  absl::StatusOr<InFlight::Stream> second = in_flight.OpenStream("a");
  ASSERT_THAT(first->Hold(5 * kMega), IsOk());
  ASSERT_THAT(second->Hold(3 * kMega), IsOk());

  EXPECT_THAT(second->Hold(3 * kMega + 1), TooMuch("the tenant's streams"));

  EXPECT_THAT(first->Hold(4 * kMega), IsOk());
  EXPECT_THAT(second->Hold(4 * kMega), IsOk()) << "what the other gave back";
}

TEST(InFlightTest, BytesOfAllTenantsAreBounded) {
  InFlight in_flight(Limits());
  std::optional<absl::StatusOr<InFlight::Stream>> first = in_flight.OpenStream("a");
  absl::StatusOr<InFlight::Stream> second = in_flight.OpenStream("b");
  ASSERT_THAT((*first)->Hold(8 * kMega), IsOk());
  ASSERT_THAT(second->Hold(4 * kMega), IsOk());
  EXPECT_THAT(second->Hold(5 * kMega), TooMuch("all streams together"));

  first.reset();

  EXPECT_THAT(second->Hold(8 * kMega), IsOk());
}

TEST(InFlightTest, CallsThatMayWaitTakeHalfOfTheTenantsBytesAndOfItsCalls) {
  InFlightLimits limits = Limits();
  limits.calls_max = 16;
  InFlight in_flight(limits);
  absl::StatusOr<InFlight::Call> first = in_flight.BeginCall("a");
  std::optional<absl::StatusOr<InFlight::Call>> second = in_flight.BeginCall("a");
  absl::StatusOr<InFlight::Call> third = in_flight.BeginCall("a");
  absl::StatusOr<InFlight::Call> others = in_flight.BeginCall("b");
  EXPECT_TRUE(first->MayWait(3 * kMega));
  EXPECT_FALSE((*second)->MayWait(2 * kMega)) << "over half of 8 MB";
  EXPECT_TRUE((*second)->MayWait(1 * kMega));
  EXPECT_FALSE(third->MayWait(0)) << "over half of a quarter of 16 calls";
  EXPECT_TRUE(others->MayWait(0)) << "another tenant's";

  second.reset();

  EXPECT_TRUE(third->MayWait(1 * kMega));
}

TEST(InFlightTest, WhatIsReadAheadLeavesTheOtherStreamsTheirs) {
  InFlight in_flight(Limits());
  absl::StatusOr<InFlight::Stream> first = in_flight.OpenStream("a");
  absl::StatusOr<InFlight::Stream> second = in_flight.OpenStream("a");
  EXPECT_TRUE(first->HoldAhead(4 * kMega)) << "half of the tenant's 8 MB, since it may have two streams";
  EXPECT_FALSE(first->HoldAhead(4 * kMega + 1));
  ASSERT_THAT(second->Hold(1 * kMega), IsOk());
  EXPECT_FALSE(second->HoldAhead(3 * kMega)) << "all streams would hold more than half of 12 MB";
  EXPECT_TRUE(second->HoldAhead(2 * kMega));

  EXPECT_THAT(second->Hold(4 * kMega), IsOk()) << "what was refused ahead is not counted";
}

}  // namespace
}  // namespace mirror::in_flight_test
