#ifndef MIRROR_SERVER_STORE_POSTGRES_CONTROL_DUTIES_H_
#define MIRROR_SERVER_STORE_POSTGRES_CONTROL_DUTIES_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/control/control.h"

// What one server does for all of them. No row is safe because of it: done twice it is only told twice.
// Errors: those of PostgresControl.

namespace mirror {

enum class Duty : std::uint8_t {
  kHooks,       ///< Hooks are told what waits for them.
  kIdleCycles,  ///< Cycles end whose server is gone.
  kSummaries,   ///< It is told which tables are older than their targets.
  kImportJobs,  ///< Import jobs end whose server is gone.
  kHubs,        ///< Golden records are derived.
};
std::string_view ToString(Duty duty);

/// Of a duty, by the control database's clock: a server that has not renewed it for so long has lost it.
inline constexpr std::int64_t kDutyMs = 15'000;

/// Takes those of `wanted` that nobody has, or that their server did not renew in time; renews those that
/// this server has. Gives all of them that are its own now.
absl::StatusOr<std::set<Duty>> TakeDuties(PostgresControl& control, const std::string& server_id,
                                          const std::set<Duty>& wanted);
/// Others may take what this server has, at once.
absl::Status GiveUpDuties(PostgresControl& control, const std::string& server_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_CONTROL_DUTIES_H_
