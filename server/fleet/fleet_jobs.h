#ifndef MIRROR_SERVER_FLEET_FLEET_JOBS_H_
#define MIRROR_SERVER_FLEET_FLEET_JOBS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "server/fleet/fleet.h"
#include "server/jobs/job_servers.h"
#include "server/store/postgres/control/control.h"
#include "server/store/postgres/control/job_rows.h"

namespace mirror {

/// The servers of a fleet, as import jobs see them. Threads: any.
class FleetJobs final : public JobServers {
 public:
  /// `fleet` outlives it. `name`: of this server's folder of uploads.
  FleetJobs(std::shared_ptr<PostgresControl> control, Fleet& fleet, std::string name);

  /// Once: what this server's calls begin with. Before the fleet starts.
  void Begin(const std::string& url);

  const std::string& here() const override { return name_; }
  absl::StatusOr<std::optional<Server>> Find(const std::string& name) override;
  absl::Status List(const std::string& job) override;
  absl::Status Unlist(const std::string& job) override;
  absl::Status ListOnly(const std::vector<std::string>& jobs) override;
  absl::StatusOr<std::vector<std::string>> FindListed() override;
  absl::StatusOr<std::vector<std::string>> FindOrphans(std::chrono::milliseconds lease) override;

 private:
  UploadServer self() const;

  const std::shared_ptr<PostgresControl> control_;
  Fleet& fleet_;
  const std::string name_;
  mutable Mutex mutex_;
  std::string url_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_FLEET_FLEET_JOBS_H_
