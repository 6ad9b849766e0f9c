#ifndef MIRROR_SERVER_TENANT_RECORDS_RECORDS_PLANNER_H_
#define MIRROR_SERVER_TENANT_RECORDS_RECORDS_PLANNER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/keyed_hash.h"
#include "proto/wire/batch.h"
#include "server/plan/column_rules.h"
#include "server/plan/plan.h"
#include "server/records/record_mapper.h"
#include "server/records/record_merge.h"
#include "server/records/record_request.h"
#include "server/store/store.h"
#include "server/tenant/records/records_form.h"

namespace mirror {

/// Of the documents of a source of records.
inline constexpr char kErasureKind[] =
    "erasure";  ///< One, without an id: since when something is to be erased.
inline constexpr char kAnswerKind[] = "answer";  ///< What requests were answered, see RememberedRequest.
/// Answers that name external ids: a deletion of one of those erases the answer, not its key.
inline constexpr char kNamingAnswerKind[] = "answer.naming";
inline constexpr std::int64_t kAnswersKeptMs = 24 * 3'600'000;
inline constexpr std::int64_t kAnswersMax = 100'000;

/// Requests of one data source on their way into one transaction: each sees what those before it leave.
/// Made, asked and gone under the store's writer lock; what it is given outlives it, and so does the planner
/// the plan.
/// Threads: none.
class RecordsPlanner {
 public:
  /// `rules`: those of the tenant's columns now.
  RecordsPlanner(Store& store, const ColumnRules& rules, std::int64_t now_ms)
      : store_(store), rules_(rules), now_ms_(now_ms) {}

  /// First. Reads what `requests` are about. Errors: as Store; kFailedPrecondition where nothing may be
  /// written: see StoppedWhy().
  /// `form`: as it was found last, and behind the call as it is.
  absl::Status Begin(const TenantRecord& tenant, const std::vector<const RecordRequest*>& requests,
                     std::shared_ptr<const RecordsForm>* form);
  /// Plans one of them. An error is in RecordOutcome::status, and then nothing of it is planned. Errors of
  /// the call: as Store.
  absl::StatusOr<RecordOutcome> Add(const RecordRequest& request);
  /// After all of them. Absent: nothing is to be written. Errors: as Store, and those of the column rules.
  absl::StatusOr<std::optional<Plan>> MakePlan();

 private:
  /// What a row becomes. Where not all columns are kept as they come, those count that came now: of the
  /// others only the form in which they are kept is known.
  struct Changed {
    std::optional<PartnerRow> now;         ///< Absent: it goes.
    std::set<std::uint32_t> touched = {};  ///< Columns that came since it was read.
    bool is_new = false;  ///< All came: it was not there when it was read, or went since then.
  };
  /// A row, as it is and as it will be.
  struct Known {
    std::optional<PartnerRow> before;
    Changed after;
  };
  using Rows = std::map<std::string, Known>;
  using Changes = std::map<std::string, Changed>;
  /// What is written of some rows.
  struct Change {
    RowBlock block;
    ChangeBatch batch;
    RuledValues ruled;
  };

  absl::StatusOr<std::optional<RecordOutcome>> FindRemembered(const RememberedRequest& remember);
  /// What `request` changes is put into `changed`: it may be taken back.
  void Upsert(const RecordRequest& request, Changes* changed, RecordOutcome* outcome);
  void Delete(const RecordRequest& request, Changes* changed, RecordOutcome* outcome);
  /// As the requests before, and this one so far, leave it.
  Changed Find(const std::string& external_id, const Changes& changed) const;
  void Touch(const RecordItem& item, std::set<std::uint32_t>* columns) const;
  absl::Status EraseAnswers(const std::vector<std::string>& external_ids);
  absl::Status AddChange(Operation operation, const std::vector<const PartnerRow*>& rows,
                         const std::vector<std::uint32_t>& columns, Step* step);
  std::vector<std::uint32_t> UpdatedColumns(const Changed& changed) const;

  Store& store_;
  const ColumnRules& rules_;
  const std::int64_t now_ms_;
  std::shared_ptr<const RecordsForm> form_;
  TenantRecord tenant_;
  std::optional<TableRecord> record_;
  Rows rows_;
  std::map<std::string, std::string> remembered_;  ///< By id, of this transaction: hash, a line end, answer.
  std::vector<DocumentChange> documents_;
  std::vector<std::string> deleted_, new_ids_;
  std::deque<Change> changes_;
};

/// All rows go, and with them the answers that name some.
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

/// What a request got before. Absent: it did not come in the last 24 h. RecordOutcome::status: kOutOfRange:
/// under the same id another one did; kFailedPrecondition: its answer was erased. Errors: as Store.
absl::StatusOr<std::optional<RecordOutcome>> FindRememberedIn(StoreRecords& records,
                                                              const RememberedRequest& remember,
                                                              std::int64_t now_ms);
/// Keeps `answer`, which names no external id.
DocumentChange RememberedChange(const RememberedRequest& remember, const std::string& answer);
/// Adds what removes the oldest import jobs that are over, with their rejects, so that another one finds a
/// place.
absl::Status PruneJobs(StoreRecords& records, std::vector<DocumentChange>* changes);
/// Adds what ends the import jobs that are not over: they died, and `message` says why.
absl::Status EndJobs(StoreRecords& records, const std::string& message, std::int64_t now_ms,
                     std::vector<DocumentChange>* changes);

/// Why a source of records takes nothing now, for people; empty: it does.
std::string StoppedWhy(const TenantRecord& tenant, const std::optional<TableRecord>& record);
/// What is told whoever writes to a tenant whose rows come through the other door.
absl::Status NotOfRecords(const TenantRecord& tenant);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_RECORDS_PLANNER_H_
