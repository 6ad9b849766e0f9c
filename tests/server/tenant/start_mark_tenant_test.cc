// The begin of a cycle that may wait for the next sync: what the next start gives and refuses.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "proto/wire/refusal.h"
#include "server/store/start_mark.h"
#include "tests/server/tenant/tenant_bench.h"

namespace mirror::start_mark_tenant_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const Position kFive{Lsn{5}, "five"};

class StartedTenant : public TenantBench {
 protected:
  StartedTenant() { Start(); }

  void Start() {
    mark_ = *StartMark::Open(folder_.path(), source_->now, /*boot=*/1);
    options_.start = mark_.get();
    Restart();
    source_->caller.issued_s = source_->now / 1'000;
  }
  /// A server that was killed, a while ago.
  void StartAfterKill() {
    const std::string path = folder_.path() + "/server-start";
    std::filesystem::copy_file(path, path + ".kept");
    mark_.reset();
    std::filesystem::rename(path + ".kept", path);
    source_->now += 2'000;
    Start();
    // As a server waits before it takes calls.
    source_->now = mark_->takes_tokens_from_ms();
    source_->caller.issued_s = source_->now / 1'000;
  }

  std::unique_ptr<StartMark> mark_;
};

TEST_F(StartedTenant, ANumberThatMayHaveBeenGivenIsNotGivenAgain) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  source_->Begin();
  const std::int64_t lost = source_->cycle;
  StartAfterKill();
  // As if that begin had not come to the disk: it is the mark alone that knows of the number.
  ASSERT_GT(mark_->cycles_given(), lost);
  source_->Begin("holder", /*take_over=*/true);
  EXPECT_GT(source_->cycle, mark_->cycles_given());
}

TEST_F(StartedTenant, AnOrdinaryStartGoesOnByTheClock) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  mark_.reset();
  source_->now += 2'000;
  Start();
  source_->Begin();
  EXPECT_EQ(source_->cycle, source_->now);
}

TEST_F(StartedTenant, ATokenFromBeforeIsRefusedInWordsAndANewOneIsTaken) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  StartAfterKill();
  source_->caller.issued_s = source_->now / 1'000 - 1;
  const auto refused = source_->Authenticate();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnauthenticated,
                                AllOf(HasSubstr("It is not known whether it was used"),
                                      HasSubstr("No cycle began. Sign a new token"))));
  EXPECT_EQ(refused.status().GetPayload(kNewTokenPayload), absl::Cord(std::to_string(source_->now / 1'000)));
  source_->caller.issued_s = source_->now / 1'000;
  source_->Begin();
  EXPECT_THAT(source_->Announce({People()}), IsOk());
}

TEST_F(StartedTenant, AnOperatorsResumeTakesThePresentTime) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  StartAfterKill();
  source_->now -= 3'600'000;  // The clock was ahead, and was set right.
  source_->caller.issued_s = source_->now / 1'000;
  EXPECT_THAT(source_->Authenticate(), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("resume")));

  ASSERT_THAT(tenant_->Resume(source_->now), IsOk());

  source_->Begin();
  EXPECT_THAT(source_->Announce({People()}), IsOk());
}

TEST_F(StartedTenant, WithoutAMarkNothingIsRefused) {
  source_->Mirror(People(), {{1, "Ada", 36}}, kFive);
  options_.start = nullptr;
  Restart();
  source_->caller.issued_s = 0;
  source_->Begin();
}

}  // namespace
}  // namespace mirror::start_mark_tenant_test
