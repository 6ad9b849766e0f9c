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

// Rows of import jobs that were not taken, as documents of a source of records: how they are found by their
// external ids, and how they go.

namespace mirror {

/// Where the rejects of an external id are: by a hash of it, a slash and a reject's id. Without a text.
inline constexpr char kRejectOfKind[] = "reject.of";
/// Of all jobs of one data source; beyond that the oldest are forgotten.
inline constexpr std::int64_t kRejectsOfSourceMax = 100'000;

/// With what the ids of those documents begin that are of this external id.
std::string RejectsOf(const std::string& external_id);
/// Adds a change, and, where it keeps a reject, by what that is found.
void AddWithPlace(DocumentChange change, std::vector<DocumentChange>* changes);
/// Adds what removes the rejects of these external ids, and takes them out of `changes`; it costs as much as
/// they are. Gives whether there were any. Errors: as Store.
absl::StatusOr<bool> EraseRejects(StoreRecords& records, const std::vector<RecordItem>& items,
                                  std::vector<DocumentChange>* changes);
/// All of them go.
void ForgetRejects(Plan* plan);
/// Where the plan keeps some: no more than kRejectsOfSourceMax stay.
void BoundRejects(Plan* plan);
/// Adds what removes the oldest import jobs that are over, with their rejects, so that another one finds a
/// place.
absl::Status PruneJobs(StoreRecords& records, std::vector<DocumentChange>* changes);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_KEPT_REJECTS_H_
