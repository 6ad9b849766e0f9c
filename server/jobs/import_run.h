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
  DoorRows* rows = nullptr;  ///< Counts committed rows; null: they are not counted.
};

/// Runs a job from its last commit to its end, of any kind: the job's document says which. It returns early
/// if `is_stopping` says so, or if the mirror cannot be written for long; the next start continues it.
void RunImport(const ImportJob& job, Tenant& tenant, Uploads& uploads, const ImportRunOptions& options,
               const std::function<bool()>& is_stopping, Events& events);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_IMPORT_RUN_H_
