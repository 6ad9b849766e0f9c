#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_DUTIES_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_DUTIES_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

// Duties that one server does for all servers. Correctness does not depend on them: a duty done twice only
// sends a message twice. Errors: those of PostgresControl.

namespace mirror {

enum class Duty : std::uint8_t {
  kHooks,       ///< Send waiting notifications to hooks.
  kIdleCycles,  ///< End cycles whose server is gone.
  kSummaries,   ///< Report tables that are older than their targets.
  kImportJobs,  ///< End import jobs whose server is gone.
  kHubs,        ///< Derive golden records.
};
std::string_view ToString(Duty duty);

/// A server that has not renewed a duty for so long loses it. By the control database's clock.
inline constexpr std::int64_t kDutyMs = 15'000;

/// Takes those of `wanted` that no server has, or that their server did not renew in time; renews those that
/// this server has. Returns those of `wanted` that this server has now.
absl::StatusOr<std::set<Duty>> TakeDuties(PostgresControl& control, const std::string& server_id,
                                          const std::set<Duty>& wanted);
/// Gives up the server's duties, so that other servers can take them at once.
absl::Status GiveUpDuties(PostgresControl& control, const std::string& server_id);

// Mirrors in which notifications for hooks wait: each server that commits some reports it to the server with
// the duty to deliver. The mirrors hold the notifications themselves, and a server that takes the duty checks
// all mirrors. A lost report therefore only delays a notification. Errors: those of PostgresControl.

absl::Status NoteWaitingHooks(PostgresControl& control, const std::set<std::string>& context_ids);

struct WaitingHooks {
  std::set<std::string> context_ids;  ///< The tenants whose mirrors to check.
  std::int64_t last_event = 0;        ///< Id of the last event.
};
/// Returns the reports since the last call. Only the server that has the duty takes them; others get none.
absl::StatusOr<WaitingHooks> TakeWaitingHooks(PostgresControl& control, const std::string& server_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_DUTIES_H_
