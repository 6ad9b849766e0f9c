#ifndef MIRROR_SERVER_TENANT_KEPT_REJECTS_H_
#define MIRROR_SERVER_TENANT_KEPT_REJECTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/records/record_request.h"
#include "server/store/store.h"

// Rejected rows of import jobs. They are documents of a source of records, and are found and deleted by
// external id.

namespace mirror {

/// Kind of the documents that index rejects by external id. Id: a hash of the external id, a slash, and the
/// reject's id. They have no text.
inline constexpr char kRejectOfKind[] = "reject.of";
/// Limit for all jobs of one data source; beyond it the oldest rejects are deleted.
inline constexpr std::int64_t kRejectsOfSourceMax = 100'000;

/// Returns the prefix that the ids of these index documents have for this external id.
std::string RejectsOf(const std::string& external_id);
/// Adds a change. If the change keeps a reject, also adds its index document.
void AddWithPlace(DocumentChange change, std::vector<DocumentChange>* changes);
/// Adds the deletion of the rejects with these external ids, and removes such rejects from `changes`. The
/// time depends only on the number of ids. Returns whether there were any. Errors: as Store.
absl::StatusOr<bool> EraseRejects(StoreRecords& records, const std::vector<RecordItem>& items,
                                  std::vector<DocumentChange>* changes);
/// Deletes all rejects.
void ForgetRejects(Plan* plan);
/// Limits the number of rejects to kRejectsOfSourceMax, if the plan keeps rejects.
void BoundRejects(Plan* plan);
/// Adds the deletion of the oldest finished import jobs, with their rejects, to make room for another job.
absl::Status PruneJobs(StoreRecords& records, std::vector<DocumentChange>* changes);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_KEPT_REJECTS_H_
