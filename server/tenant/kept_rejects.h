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

// Rejected rows of import jobs, kept as documents of a source
// of records. They are found by external id, and deleted by it.

namespace mirror {

/// Index of rejects by external id: id is a hash of it, a slash and a reject's id. It has no text.
inline constexpr char kRejectOfKind[] = "reject.of";
/// Limit for all jobs of one data source; beyond it the oldest rejects are deleted.
inline constexpr std::int64_t kRejectsOfSourceMax = 100'000;

/// Returns the prefix of the ids of those index documents for this external id.
std::string RejectsOf(const std::string& external_id);
/// Adds a change, and its index document if it keeps a reject.
void AddWithPlace(DocumentChange change, std::vector<DocumentChange>* changes);
/// Adds the deletion of the rejects of these external ids, and removes them from `changes`.
/// The cost depends only on their number. Returns whether there were any. Errors: as Store.
absl::StatusOr<bool> EraseRejects(StoreRecords& records, const std::vector<RecordItem>& items,
                                  std::vector<DocumentChange>* changes);
/// Deletes all rejects.
void ForgetRejects(Plan* plan);
/// If the plan keeps rejects: limits their number to kRejectsOfSourceMax.
void BoundRejects(Plan* plan);
/// Adds the deletion of the oldest import jobs that are
/// over, with their rejects, to make room for another job.
absl::Status PruneJobs(StoreRecords& records, std::vector<DocumentChange>* changes);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_KEPT_REJECTS_H_
