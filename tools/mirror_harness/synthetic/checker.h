#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHECKER_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHECKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tools/mirror_harness/synthetic/tenant.h"

namespace mirror::harness {

/// The result of a comparison.
struct CheckResult {
  /// Number of compared tables. Tables that the mirror did not accept are not compared.
  std::uint64_t tables = 0;
  std::uint64_t rows = 0;
  std::uint64_t differences = 0;
  std::vector<std::string> first;  ///< The first twenty differences, one line each.
};

/// Compares DATA_DIR/Mirror_<context id>.db, opened read-only, with the tenant's source: tables, columns,
/// rows, every value with its typeof(), and the position in `<context id>_mirroring`. The order of rows of a
/// table without a key does not matter. Data that cannot be read counts as a difference.
void CheckTenant(const std::string& data_dir, Tenant* tenant, CheckResult* result);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_CHECKER_H_
