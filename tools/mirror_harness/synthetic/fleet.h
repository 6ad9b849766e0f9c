#ifndef MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_FLEET_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_FLEET_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/config/config.h"
#include "tools/mirror_harness/synthetic/meter.h"
#include "tools/mirror_harness/synthetic/options.h"
#include "tools/mirror_harness/synthetic/tenant.h"

namespace mirror::harness {

/// The tables of tenant `number` (from 1). Errors: kInvalidArgument.
absl::StatusOr<std::vector<RowModel>> MakeTables(const Options& options, std::uint32_t number);

/// All tenants, with the rows of each. `context_id` is what their names begin with. Errors: kInvalidArgument.
absl::StatusOr<std::vector<std::unique_ptr<Tenant>>> MakeTenants(const Options& options,
                                                                 const std::string& context_id);

/// Populates every tenant and runs its cycles, `options.clients` tenants at a time, each of these clients on
/// a connection of its own. A tenant that fails stops; the others go on. Returns what went wrong, one for
/// each tenant that failed.
std::vector<absl::Status> RunTenants(const Options& options, const AgentConfig& config,
                                     const std::vector<std::unique_ptr<Tenant>>& tenants, Meter* meter);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_SYNTHETIC_FLEET_H_
