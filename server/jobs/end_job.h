#ifndef MIRROR_SERVER_JOBS_END_JOB_H_
#define MIRROR_SERVER_JOBS_END_JOB_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/records/import_job.h"
#include "server/tenant/tenant.h"

namespace mirror {

/// Called for a job that is not over, under its tenant's lock: an error says why the job continues.
using MayEndJob = std::function<absl::Status(const ImportJob& job)>;
/// Ends the job with `message` as its cause. Returns the ended job; absent: it was over before, or does not
/// exist. Errors: those of RecordsCalls and of `may_end`.
absl::StatusOr<std::optional<ImportJob>> EndJob(
    Tenant& tenant, const std::string& id, const std::string& message, std::int64_t now_ms,
    const MayEndJob& may_end = [](const ImportJob&) { return absl::OkStatus(); });

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_END_JOB_H_
