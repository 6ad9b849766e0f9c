#include "server/fleet/fleet_jobs.h"

#include <chrono>
#include <utility>

#include "base/status_macros.h"
#include "server/store/postgres/control/server_rows.h"

namespace mirror {

FleetJobs::FleetJobs(std::shared_ptr<PostgresControl> control, Fleet& fleet, std::string name)
    : control_(std::move(control)), fleet_(fleet), name_(std::move(name)) {}

void FleetJobs::Begin(const std::string& url) {
  {
    const MutexLock lock(mutex_);
    url_ = url;
  }
  fleet_.HasUploads(name_, url);
}

UploadServer FleetJobs::self() const {
  const MutexLock lock(mutex_);
  return {.name = name_, .url = url_};
}

absl::StatusOr<std::optional<JobServers::Server>> FleetJobs::Find(const std::string& name) {
  ASSIGN_OR_RETURN(std::optional<UploadServer> found, FindUploadServer(*control_, name));
  if (!found) return std::optional<Server>();
  return std::optional(Server{.url = std::move(found->url),
                              .silent = std::chrono::milliseconds(found->silent_ms),
                              .answers = found->silent_ms <= kServerGoneMs});
}

absl::Status FleetJobs::List(const std::string& job) { return ListImportJob(*control_, self(), job); }

absl::Status FleetJobs::Unlist(const std::string& job) { return UnlistImportJob(*control_, job); }

absl::Status FleetJobs::ListOnly(const std::vector<std::string>& jobs) {
  return ListOnlyImportJobs(*control_, self(), jobs);
}

absl::StatusOr<std::vector<std::string>> FleetJobs::FindListed() { return FindListedJobs(*control_); }

absl::StatusOr<std::vector<std::string>> FleetJobs::FindOrphans(std::chrono::milliseconds lease) {
  // While the control database was down nobody could say that it is there.
  if (!fleet_.Holds(Duty::kImportJobs) || fleet_.HeardFor().count() < kServerGoneMs)
    return std::vector<std::string>();
  return FindOrphanedJobs(*control_, lease.count());
}

}  // namespace mirror
