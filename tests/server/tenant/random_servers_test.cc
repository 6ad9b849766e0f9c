// The random cycles over a real PostgreSQL: one, two and three servers stand on one control database, and
// each call of a cycle goes to any of them, one of which may stop and start again, delete the mirror or put a
// backup back. PostgreSQL may be killed and start again.
//
// MIRROR_TEST_SEED=n plays other rounds than those of every run, MIRROR_TEST_SERVERS_ROUNDS more of them: the
// nightly run takes both. A failure names the seed of its round.

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/tenant/cycles/postgres_ground.h"
#include "tests/server/tenant/cycles/run.h"
#include "tests/support/postgres_server.h"
#include "tests/support/rows.h"

namespace mirror::model::random_servers_test {
namespace {

constexpr std::uint64_t kRounds = 2, kSeed = 1;

class RandomServersTest : public testing::TestWithParam<std::size_t> {
 protected:
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
};

TEST_P(RandomServersTest, TheMirrorHoldsWhatTheSourceHadWhicheverServerACallGoesTo) {
  SKIP_WITHOUT_POSTGRES();
  PostgresServer* const server = PostgresServer::Shared();
  ASSERT_NE(server, nullptr);
  const std::uint64_t rounds = FromEnvironment("MIRROR_TEST_SERVERS_ROUNDS", kRounds);
  const std::uint64_t first = FromEnvironment("MIRROR_TEST_SEED", kSeed);
  std::cout << "MIRROR_TEST_SEED=" << first << "\n";
  const std::string conninfo = server->NewDatabase();
  Counts counts;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    PostgresGround ground(*server, conninfo);
    const std::string failure = Round(first + round, counts, ground, GetParam(), absl::StrCat("-", round));
    ASSERT_TRUE(failure.empty()) << failure;
  }
  std::cout << counts << ", " << counts.restored << " restores, " << counts.deleted << " deletions\n";
}

INSTANTIATE_TEST_SUITE_P(Servers, RandomServersTest, testing::Values(1, 2, 3),
                         [](const auto& test) { return absl::StrCat(test.param); });

}  // namespace
}  // namespace mirror::model::random_servers_test
