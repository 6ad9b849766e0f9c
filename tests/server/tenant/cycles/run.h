#ifndef MIRROR_TESTS_SERVER_TENANT_CYCLES_RUN_H_
#define MIRROR_TESTS_SERVER_TENANT_CYCLES_RUN_H_

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/tenant/cycles/play.h"

namespace mirror::model {

constexpr std::uint64_t kCyclesOfRound = 10;

/// Some servers on one ground, one or two tenants, some cycles. Gives what went wrong. `tenants`: what the
/// names of the tenants end with.
inline std::string Round(std::uint64_t seed, Counts& counts, Ground& ground, std::size_t servers = 1,
                         const std::string& tenants = "") {
  Dice dice(seed);
  World world(dice, counts, ground, servers);
  try {
    Play one(world, "Cust1" + tenants);
    Play two(world, "cust-Two" + tenants);
    one.set_other(&two);
    two.set_other(&one);
    for (std::uint64_t i = 0; i < kCyclesOfRound; ++i) (dice.OneIn(3) ? two : one).Step();
    return "";
  } catch (const Failure& failure) {
    return absl::StrCat("repeat with MIRROR_TEST_SEED=", seed, " MIRROR_TEST_ROUNDS=1\n", failure.what(),
                        "\nthe last steps:\n", world.LastSteps());
  }
}

inline std::ostream& operator<<(std::ostream& out, const Counts& counts) {
  return out << counts.cycles << " cycles (" << counts.completed << " completed, " << counts.ended_with_rows
             << " with rows), " << counts.requests << " requests, " << counts.populations << " populations, "
             << counts.increments << " increments, " << counts.alterations << " tables altered in place, "
             << counts.refusals << " batches corrected, " << counts.disturbances << " disturbances";
}

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SERVER_TENANT_CYCLES_RUN_H_
