#ifndef MIRROR_CLIENT_CYCLE_ANNOUNCEMENT_H_
#define MIRROR_CLIENT_CYCLE_ANNOUNCEMENT_H_

#include <string>

#include "absl/status/status.h"
#include "client/cycle/run_context.h"

namespace mirror {

/// Digest of the announcement of all tables of the schema, where it was the last one, and the mirror may know
/// it. Empty: it was not. See AuthenticateRequest.announced_sha256.
std::string KnownAnnouncement(const RunContext& run);

/// Announces all tables of the schema, unless BeginCycle() did; the cycle has the mirror's answer for each
/// then. Errors: the call's; kInternal: the answer is not one to what was announced.
absl::Status AnnounceTables(RunContext& run, Cycle& cycle);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CYCLE_ANNOUNCEMENT_H_
