#ifndef MIRROR_SERVER_JOBS_IMPORT_RUN_H_
#define MIRROR_SERVER_JOBS_IMPORT_RUN_H_

#include <chrono>
#include <functional>
#include <string>

#include "server/jobs/uploads.h"
#include "server/records/import_job.h"
#include "server/tenant/tenant.h"
#include "server/watch/door_counters.h"
#include "server/watch/events.h"

namespace mirror {

struct ImportRunOptions {
  std::string program;  ///< mirror-import.
  std::chrono::milliseconds time{600'000};
  DoorRows* rows = nullptr;  ///< Counts those that are committed; null: nobody does.
};

/// Runs a job from where it stands to its end, whatever that is: its document says. It comes back before the
/// end where `is_stopping` says so, and where the mirror cannot be written for long; the next start goes on.
void RunImport(const ImportJob& job, Tenant& tenant, Uploads& uploads, const ImportRunOptions& options,
               const std::function<bool()>& is_stopping, Events& events);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_IMPORT_RUN_H_
