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

/// Runs a job of any kind from its last commit to its end. Returns early if `is_stopping` returns true, or if
/// the mirror cannot be written for long. The next start then continues the job.
void RunImport(const ImportJob& job, Tenant& tenant, Uploads& uploads, const ImportRunOptions& options,
               const std::function<bool()>& is_stopping, Events& events);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_IMPORT_RUN_H_
