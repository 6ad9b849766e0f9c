#ifndef MIRROR_SERVER_TENANT_RECORDS_RECORDS_PLANNER_H_
#define MIRROR_SERVER_TENANT_RECORDS_RECORDS_PLANNER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/column_rules.h"
#include "server/plan/plan.h"
#include "server/records/record_request.h"
#include "server/store/store.h"
#include "server/tenant/records/partner_changes.h"
#include "server/tenant/records/records_form.h"
#include "server/tenant/records/remembered.h"

namespace mirror {

/// Of the documents of a source of records.
/// Without an id: since when something is to be erased. Under kErasingId: the token of who does so now, or,
/// behind kScrubbed, of who did in the mirror's files, while a hub may still hold it. A deletion takes it
/// away.
inline constexpr char kErasureKind[] = "erasure";
inline constexpr char kErasingId[] = "erasing";
inline constexpr char kScrubbed[] = "scrubbed ";

/// Requests of one data source on their way into one transaction: each sees what those before it leave.
/// Made, asked and gone under the store's writer lock; what it is given outlives it, and so does the planner
/// the plan.
/// Threads: none.
class RecordsPlanner {
 public:
  /// `rules`: those of the tenant's columns now.
  RecordsPlanner(Store& store, const ColumnRules& rules, std::int64_t now_ms)
      : store_(store), rules_(rules), now_ms_(now_ms) {}

  /// First. Reads what `requests` are about. Errors: as Store, and of PartnerChanges::Read();
  /// kInvalidArgument: the configuration's rules for columns cannot be. `form`: as it was found last, and
  /// behind the call as it is.
  absl::Status Begin(const TenantRecord& tenant, const std::vector<const RecordRequest*>& requests,
                     std::shared_ptr<const RecordsForm>* form);
  /// Plans one of them, or gives what it got before. An error is in RecordOutcome::status, and then nothing
  /// of it is planned; kFailedPrecondition where nothing may be written: see StoppedWhy(). Errors of the
  /// call: as Store.
  absl::StatusOr<RecordOutcome> Add(const RecordRequest& request);
  /// After all of them. Absent: nothing is to be written. Errors: as Store, and those of the column rules.
  absl::StatusOr<std::optional<Plan>> MakePlan();

 private:
  Store& store_;
  const ColumnRules& rules_;
  const std::int64_t now_ms_;
  std::shared_ptr<const RecordsForm> form_;
  TenantRecord tenant_;
  std::optional<TableRecord> record_;
  std::map<const RecordRequest*, RecordOutcome> again_;  ///< Of those that came before.
  absl::Status stopped_;                                 ///< What the others get.
  std::optional<PartnerChanges> changes_;
  std::map<std::string, std::string> remembered_;  ///< Of this transaction: texts by ids.
  std::vector<DocumentChange> documents_;
  bool has_erased_ = false;
};

/// All rows go, and with them the rejects of import jobs.
absl::StatusOr<std::optional<Plan>> PlanEmptyTable(Store& store, const TenantRecord& tenant,
                                                   const TableRecord& record, const TableSchema& agreed,
                                                   std::int64_t now_ms);
/// A table without rows becomes that of another mapper. Errors: kFailedPrecondition: there are rows.
absl::StatusOr<std::optional<Plan>> PlanOtherTable(const TenantRecord& tenant, const TableRecord& record,
                                                   const TableSchema& agreed, const std::string& mapper,
                                                   std::int64_t now_ms);

/// For operators' calls that ask something of a source. Errors: kFailedPrecondition: the rows come as
/// records.
absl::Status CheckComesByCycles(const TenantRecord& tenant);
/// Adds, where `plan.tenant` is one of records, what gives its table a lineage of its own: behind it, nothing
/// that was read before is what is there now. `only_stopped`: where somebody had set its LSN to -1; else it
/// is a copy that takes the mirror's place, and import jobs that it knows as waiting or running are over.
/// Errors: as Store.
absl::Status RenewLineage(StoreRecords& records, bool only_stopped, Plan* plan);

/// Takes away the token of whoever erases now: that may be past what the plan adds to be erased.
absl::Status TellWhoErases(StoreRecords& records, Plan* plan);
/// Adds that what the plan deletes has to leave the files: also of who erases now, as that may be past it.
/// Errors: as Store.
absl::Status MustErase(StoreRecords& records, const TenantRecord& tenant, Plan* plan);

/// Adds what ends the import jobs that are not over: they died, and `message` says why.
absl::Status EndJobs(StoreRecords& records, const std::string& message, std::int64_t now_ms,
                     std::vector<DocumentChange>* changes);

/// Why a source of records takes nothing now, for people; empty: it does.
std::string StoppedWhy(const TenantRecord& tenant, const std::optional<TableRecord>& record);
/// What is told whoever writes to a tenant whose rows come through the other door.
absl::Status NotOfRecords(const TenantRecord& tenant);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_RECORDS_PLANNER_H_
