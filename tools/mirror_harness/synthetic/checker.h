#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHECKER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/mirror_harness/synthetic/tenant.h"

namespace mirror::harness {

/// The result of a comparison.
struct CheckResult {
  std::uint64_t tables = 0;  ///< Compared tables; without those that the mirror did not take.
  std::uint64_t rows = 0;
  std::uint64_t differences = 0;
  std::vector<std::string> first;  ///< One line each, for the first twenty.
};

/// Compares DATA_DIR/Mirror_<context id>.db, opened read-only, with the tenant's source: tables, columns,
/// rows, every value with its typeof(), and the position in `<context id>_mirroring`. The order of rows of a
/// table without a key does not matter. Unreadable data is also a difference.
void CheckTenant(const std::string& data_dir, Tenant* tenant, CheckResult* result);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHECKER_H_
