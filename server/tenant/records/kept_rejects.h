#ifndef MIRROR_SERVER_TENANT_RECORDS_KEPT_REJECTS_H_
#define MIRROR_SERVER_TENANT_RECORDS_KEPT_REJECTS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/records/record_request.h"
#include "server/store/store.h"

// Rows of import jobs that were not taken, as documents of a source of records: how they are found by their
// external ids, and how they go.

namespace mirror {

/// Adds a change, and, where it keeps a reject, by what that is found.
void AddWithPlace(DocumentChange change, std::vector<DocumentChange>* changes);
/// Adds what removes the rejects of these external ids, and takes them out of `changes`; it costs as much as
/// they are. Gives whether there were any. Errors: as Store.
absl::StatusOr<bool> EraseRejects(StoreRecords& records, const std::vector<RecordItem>& items,
                                  std::vector<DocumentChange>* changes);
/// Adds what erases the columns that jobs which could not start name: of a file without a header these are
/// values. `external_ids`: where one of these is among them; null: all. Gives whether there were any.
/// Errors: as Store.
absl::StatusOr<bool> EraseColumns(StoreRecords& records, const std::vector<std::string>* external_ids,
                                  std::vector<DocumentChange>* changes);
/// All of them go.
void ForgetRejects(Plan* plan);
/// Where the plan keeps some: no more than kRejectsOfSourceMax stay.
void BoundRejects(Plan* plan);
/// Adds what removes the oldest import jobs that are over, with their rejects, so that another one finds a
/// place.
absl::Status PruneJobs(StoreRecords& records, std::vector<DocumentChange>* changes);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_KEPT_REJECTS_H_
