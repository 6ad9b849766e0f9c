#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHECKER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/mirror_harness/synthetic/tenant.h"

namespace mirror::harness {

/// What a comparison found.
struct CheckResult {
  std::uint64_t tables = 0;  ///< Compared; those that the mirror did not take are not.
  std::uint64_t rows = 0;
  std::uint64_t differences = 0;
  std::vector<std::string> first;  ///< A line for each of the first twenty differences.
};

/// Compares DATA_DIR/Mirror_<context id>.db, opened read-only, with what the tenant's source holds: tables,
/// columns, rows, every value with its typeof(), and the position in `<context id>_mirroring`. Rows of a
/// table without a key are compared as a bag. What cannot be read is a difference too.
void CheckTenant(const std::string& data_dir, Tenant* tenant, CheckResult* result);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHECKER_H_
