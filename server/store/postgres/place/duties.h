#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_DUTIES_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_DUTIES_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

// Duties that one server does for all servers. Correctness does not depend on that: if two servers do a duty,
// a message is only sent twice. Errors: those of PostgresControl.

namespace mirror {

enum class Duty : std::uint8_t {
  kHooks,       ///< Send waiting notifications to hooks.
  kIdleCycles,  ///< End cycles whose server no longer runs.
  kSummaries,   ///< Report tables that are older than their targets.
  kImportJobs,  ///< End import jobs whose server no longer runs.
  kHubs,        ///< Derive golden records.
};
std::string_view ToString(Duty duty);

/// A server that does not renew a duty for this time loses it. Measured by the control database's clock.
inline constexpr std::int64_t kDutyMs = 15'000;

/// Takes the duties in `wanted` that no server has, or that their server did not renew in time. Renews the
/// duties that this server has. Returns the duties in `wanted` that this server has now.
absl::StatusOr<std::set<Duty>> TakeDuties(PostgresControl& control, const std::string& server_id,
                                          const std::set<Duty>& wanted);
/// Ends the server's duties, so that other servers can take them at once.
absl::Status GiveUpDuties(PostgresControl& control, const std::string& server_id);

// Reports of mirrors in which notifications for hooks wait. A server that commits notifications reports the
// mirror to the server with the duty to deliver. The notifications themselves are in the mirrors, and a
// server that takes over the duty checks all mirrors. So a lost report only delays a notification. Errors:
// those of PostgresControl.

absl::Status NoteWaitingHooks(PostgresControl& control, const std::set<std::string>& context_ids);

struct WaitingHooks {
  std::set<std::string> context_ids;  ///< The tenants whose mirrors have to be checked.
  std::int64_t last_event = 0;        ///< Id of the last event.
};
/// Returns the reports since the last call. Only the server with the duty gets them; others get none.
absl::StatusOr<WaitingHooks> TakeWaitingHooks(PostgresControl& control, const std::string& server_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_DUTIES_H_
