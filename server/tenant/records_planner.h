#ifndef MIRROR_SERVER_TENANT_RECORDS_PLANNER_H_
#define MIRROR_SERVER_TENANT_RECORDS_PLANNER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/batch.h"
#include "proto/wire/row_block.h"
#include "proto/wire/table.h"
#include "server/plan/column_rules.h"
#include "server/plan/plan.h"
#include "server/records/record_merge.h"
#include "server/records/record_request.h"
#include "server/store/store.h"
#include "server/tenant/records_form.h"

// What requests under an Idempotency-Key got, so that a repetition gets it again and does nothing.

// Rows of kPartnerTable between columns and partners.

namespace mirror {

/// Bytes of the rows that one transaction may be about, as they are stored. They are in memory until it is
/// done.
inline constexpr std::uint64_t kStoredBytesMax = 32 << 20;
/// Values of their records, see JsonLimits::values_max. An upsert of one attribute takes the whole stored
/// record apart, under the tenant's writer lock: a short request could be a long one.
inline constexpr std::size_t kStoredValuesMax = 1'000'000;

/// The rows that some requests are about, and what these make of them one behind the other: each sees what
/// those before it leave. What is given to it outlives it, and it outlives the step that it added to.
/// Threads: none.
class PartnerChanges {
 public:
  PartnerChanges(const RecordsForm& form, const ColumnRules& rules, std::int64_t now_ms)
      : form_(form), rules_(rules), now_ms_(now_ms) {}

  /// First: what is stored of the rows. Errors: as Store; kOutOfRange: that is more than kStoredBytesMax,
  /// or kStoredValuesMax.
  absl::Status Read(StoreRecords& records, const std::vector<const RecordRequest*>& requests);
  /// What the request does, into `outcome`; see TakeBack().
  void Apply(const RecordRequest& request, RecordOutcome* outcome);
  /// Directly behind a request of RecordRequest::all_or_nothing: it did nothing.
  void TakeBack();
  /// What is to be written, at the end. Errors: those of the column rules.
  absl::Status AddTo(Step* step);

  /// Whether that removes a row.
  bool has_removed() const { return has_removed_; }

 private:
  struct Known {
    bool is_stored = false;   ///< It was there when it was read.
    bool is_removed = false;  ///< That went since then; what came again is a new row.
    bool is_changed = false;
    std::optional<PartnerRow> row = std::nullopt;  ///< As it will be. Absent: it is not there.
    /// Columns that came since it was read: where not all are kept as they come, of the others only the form
    /// in which they are kept is known.
    std::set<std::uint32_t> touched = {};
  };
  /// What is written of some rows.
  struct Change {
    RowBlock block;
    ChangeBatch batch;
    RuledValues ruled;
  };
  using Items = std::vector<std::size_t>;  ///< Places in a request.
  using Ids = std::vector<std::string>;

  absl::Status ReadRows(StoreRecords& records, const TableSchema& kept, const Ids& ids);
  Known& Touch(const RecordRequest& request, const std::string& external_id);
  void Upsert(const RecordRequest& request, RecordOutcome* outcome);
  void UpsertOne(const RecordRequest& request, const Items& items, RecordOutcome* outcome);
  void Delete(const RecordRequest& request, RecordOutcome* outcome);
  void BeginRow(const std::string& external_id, std::size_t more, PartnerRow* row);
  absl::Status AddChange(Operation operation, const std::vector<const PartnerRow*>& rows,
                         const std::vector<std::uint32_t>& columns, Step* step);
  std::vector<std::uint32_t> AllColumns() const;
  std::vector<std::uint32_t> UpdatedColumns(const Known& known) const;

  const RecordsForm& form_;
  const ColumnRules& rules_;
  const std::int64_t now_ms_;
  std::map<std::string, Known> rows_;
  std::map<std::string, Known> before_;  ///< Of a request that may be taken back, as it found them.
  std::vector<std::string> new_ids_;
  std::deque<Change> changes_;
  bool has_removed_ = false;
};

/// Of the documents of a source of records: by RememberedRequest::id.
inline constexpr char kAnswerKind[] = "answer";
inline constexpr std::int64_t kAnswersKeptMs = 24 * 3'600'000;
inline constexpr std::int64_t kAnswersMax = 100'000;

/// The text that is kept. `outcome`: of `remember`, which makes its answer of it.
std::string PackedOutcome(const RememberedRequest& remember, const RecordOutcome& outcome);
/// What is told a repetition: RecordOutcome::remembered. `request`: the repetition, null where the answer is
/// kept as it is. RecordOutcome::status: kOutOfRange: under the same id another one did;
/// kFailedPrecondition: what was kept cannot be read.
RecordOutcome OutcomeAgain(const std::string& packed, const RememberedRequest& remember,
                           const RecordRequest* request);

/// What a request got before, as OutcomeAgain(). Absent: it did not come in the last 24 h. Errors: as Store.
absl::StatusOr<std::optional<RecordOutcome>> FindRememberedIn(StoreRecords& records,
                                                              const RememberedRequest& remember,
                                                              std::int64_t now_ms,
                                                              const RecordRequest* request = nullptr);
/// Keeps `answer` as it is; it names no external id.
DocumentChange RememberedChange(const RememberedRequest& remember, const std::string& answer);

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

/// `kept`: the table in its kept form, with all columns of which the block is. A column that is left out is
/// null. The block's nulls are completed.
absl::StatusOr<std::vector<PartnerRow>> PartnersOf(const TableSchema& agreed, const TableSchema& kept,
                                                   RowBlock* rows);

/// The rows as a block of these columns of `agreed`.
RowBlock BlockOf(const TableSchema& agreed, const std::vector<std::uint32_t>& columns,
                 const std::vector<const PartnerRow*>& rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_PLANNER_H_
