// Random cycles of a source against the tenants of a server, without the network: after every call the mirror
// must hold what the model says, and after every cycle what the source held when its rows were read.
//
// MIRROR_TEST_SEED=n repeats a run; a failure names the seed of its round, and MIRROR_TEST_ROUNDS=1 with that
// seed repeats the round alone.

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <iostream>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/tenant/cycles/run.h"
#include "tests/server/tenant/cycles/sqlite_ground.h"
#include "tests/support/rows.h"

namespace mirror::model::random_cycles_test {
namespace {

constexpr std::uint64_t kShards = 4;
constexpr std::uint64_t kRounds = 300;

class RandomCyclesTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
};

TEST_P(RandomCyclesTest, TheMirrorHoldsWhatTheSourceHad) {
  const std::uint64_t rounds = FromEnvironment("MIRROR_TEST_ROUNDS", kRounds);
  const std::uint64_t first = FromEnvironment("MIRROR_TEST_SEED", std::random_device{}());
  std::cout << "MIRROR_TEST_SEED=" << first << "\n";
  Counts counts;
  for (std::uint64_t round = GetParam(); round < rounds; round += kShards) {
    SqliteGround ground;
    const std::string failure = Round(first + round, counts, ground);
    ASSERT_TRUE(failure.empty()) << failure;
  }
  std::cout << counts << ", " << counts.built << " mirrors built beside\n";
}

INSTANTIATE_TEST_SUITE_P(Shard, RandomCyclesTest, testing::Range(std::uint64_t{0}, kShards),
                         [](const auto& test) { return absl::StrCat(test.param); });

}  // namespace
}  // namespace mirror::model::random_cycles_test
