#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_DUTIES_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_DUTIES_H_

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/place/control.h"

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

// In whose mirrors notifications wait for hooks: those servers say it that have committed them, to the one
// that has the duty to deliver. The notifications themselves are in the mirrors; who takes the duty looks
// into all of these, so what is lost here is late, and never lost. Errors: those of PostgresControl.

absl::Status NoteWaitingHooks(PostgresControl& control, const std::set<std::string>& context_ids);

struct WaitingHooks {
  std::set<std::string> context_ids;  ///< Whose mirrors are to be looked into.
  std::int64_t last_event = 0;        ///< Its id.
};
/// What was noted since the last time. Notes are taken only by who has the duty: another one is given none.
absl::StatusOr<WaitingHooks> TakeWaitingHooks(PostgresControl& control, const std::string& server_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_DUTIES_H_
