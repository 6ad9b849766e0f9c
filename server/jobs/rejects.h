#ifndef MIRROR_SERVER_JOBS_REJECTS_H_
#define MIRROR_SERVER_JOBS_REJECTS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "server/records/import_job.h"
#include "server/tenant/tenant.h"

namespace mirror {

/// Reads the rows that a job could not take, in order, a few at a time. So memory does not depend on their
/// number and size. Leaves out rows that are deleted meanwhile. Threads: one at a time.
class RejectReading {
 public:
  RejectReading(std::shared_ptr<Tenant> tenant, const std::string& job);

  /// Returns the next rejects; none: these were all. Errors: as RecordsCalls.
  absl::StatusOr<std::vector<Reject>> Next();

 private:
  const std::shared_ptr<Tenant> tenant_;
  const std::string begin_;  ///< The prefix of their ids.
  std::string last_;         ///< The id of the last one read.
  bool is_first_ = true, is_over_ = false;
};

/// Streams all of them as CSV: a head, and a line for each. Errors: those of reading
/// the first ones; a later error cuts the stream.
absl::StatusOr<std::unique_ptr<HttpBodySource>> StreamRejects(std::shared_ptr<Tenant> tenant,
                                                              const std::string& job);

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_REJECTS_H_
