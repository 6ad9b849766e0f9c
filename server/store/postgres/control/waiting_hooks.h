#ifndef MIRROR_SERVER_STORE_POSTGRES_CONTROL_WAITING_HOOKS_H_
#define MIRROR_SERVER_STORE_POSTGRES_CONTROL_WAITING_HOOKS_H_

#include <cstdint>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/postgres/control/control.h"

// In whose mirrors notifications wait for hooks: those servers say it that have committed them, to the one
// that has the duty to deliver. The notifications themselves are in the mirrors; who takes the duty looks
// into all of these, so what is lost here is late, and never lost. Errors: those of PostgresControl.

namespace mirror {

absl::Status NoteWaitingHooks(PostgresControl& control, const std::set<std::string>& context_ids);

struct WaitingHooks {
  std::set<std::string> context_ids;  ///< Whose mirrors are to be looked into.
  std::int64_t last_event = 0;        ///< Its id.
};
/// What was noted since the last time. Notes are taken only by who has the duty: another one is given none.
absl::StatusOr<WaitingHooks> TakeWaitingHooks(PostgresControl& control, const std::string& server_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_CONTROL_WAITING_HOOKS_H_
