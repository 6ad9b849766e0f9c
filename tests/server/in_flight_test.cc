#include "server/in_flight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"

namespace mirror {
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
    absl::StatusOr<InFlight::Call> call = in_flight.BeginCall();
    ASSERT_THAT(call, IsOk());
    calls.push_back(*std::move(call));
  }
  EXPECT_THAT(in_flight.BeginCall(), TooMuch("8 calls at a time"));

  calls.pop_back();

  EXPECT_THAT(in_flight.BeginCall(), IsOk());
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

TEST(InFlightTest, CallsThatMayWaitTakeHalfOfTheTenantsBytesAndAQuarterOfTheCalls) {
  InFlight in_flight(Limits());
  absl::StatusOr<InFlight::Call> first = in_flight.BeginCall();
  std::optional<absl::StatusOr<InFlight::Call>> second = in_flight.BeginCall();
  absl::StatusOr<InFlight::Call> third = in_flight.BeginCall();
  EXPECT_TRUE(first->MayWait("a", 3 * kMega));
  EXPECT_FALSE((*second)->MayWait("a", 2 * kMega)) << "over half of 8 MB";
  EXPECT_TRUE((*second)->MayWait("a", 1 * kMega));
  EXPECT_FALSE(third->MayWait("a", 0)) << "over a quarter of 8 calls";
  EXPECT_TRUE(third->MayWait("b", 0)) << "another tenant's";

  second.reset();

  absl::StatusOr<InFlight::Call> fourth = in_flight.BeginCall();
  EXPECT_TRUE(fourth->MayWait("a", 1 * kMega));
}

}  // namespace
}  // namespace mirror
