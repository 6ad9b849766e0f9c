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

// Answers to requests with an Idempotency-Key, so that a repetition gets the same answer and does nothing.

// Conversion of rows of kPartnerTable to partners and back.

namespace mirror {

/// Maximum bytes of stored rows that one transaction
/// may touch. They are in memory until it ends.
inline constexpr std::uint64_t kStoredBytesMax = 32 << 20;
/// Maximum number of their JSON values, see JsonLimits::values_max. An upsert of one attribute
/// parses the whole stored record under the tenant's writer lock: a short request could take long.
inline constexpr std::size_t kStoredValuesMax = 1'000'000;

/// The rows that some requests touch, and the changes to them. Requests are
/// applied in order: each sees the result of those before it. Arguments must
/// outlive this object, and it must outlive the step it added to. Threads: none.
class PartnerChanges {
 public:
  PartnerChanges(const RecordsForm& form, const ColumnRules& rules, std::int64_t now_ms)
      : form_(form), rules_(rules), now_ms_(now_ms) {}

  /// Must be called first: reads the stored rows. Errors: as Store;
  /// kOutOfRange: more than kStoredBytesMax or kStoredValuesMax.
  absl::Status Read(StoreRecords& records, const std::vector<const RecordRequest*>& requests);
  /// Applies the request; the result goes to `outcome`; see TakeBack().
  void Apply(const RecordRequest& request, RecordOutcome* outcome);
  /// Called directly after a request with RecordRequest::all_or_nothing: undoes it.
  void TakeBack();
  /// Adds the writes, after all requests. Errors: those of the column rules.
  absl::Status AddTo(Step* step);

  /// Returns whether the writes delete a row.
  bool has_removed() const { return has_removed_; }

 private:
  struct Known {
    bool is_stored = false;   ///< The row existed when it was read.
    bool is_removed = false;  ///< That row was deleted since; a later one is a new row.
    bool is_changed = false;
    std::optional<PartnerRow> row = std::nullopt;  ///< The final row. Absent: it does not exist.
    /// Columns that were set since it was read. If some columns have rules,
    /// the others are known only in the form in which they are kept.
    std::set<std::uint32_t> touched = {};
  };
  /// The writes for some rows.
  struct Change {
    RowBlock block;
    ChangeBatch batch;
    RuledValues ruled;
  };
  using Items = std::vector<std::size_t>;  ///< Indexes in a request.
  using Ids = std::vector<std::string>;

  absl::Status ReadRows(StoreRecords& records, const TableSchema& kept, const Ids& ids);
  Known& Touch(const RecordRequest& request, const std::string& external_id);
  void Upsert(const RecordRequest& request, RecordOutcome* outcome);
  void UpsertOne(const RecordRequest& request, const Items& items, RecordOutcome* outcome);
  void Delete(const RecordRequest& request, RecordOutcome* outcome);
  void BeginRow(const std::string& external_id, std::size_t more, PartnerRow* row);
  absl::Status AddChange(Operation operation, const std::vector<const PartnerRow*>& rows,
                         const std::vector<std::uint32_t>& columns, Step* step);
  std::vector<std::uint32_t> UpdatedColumns(const Known& known) const;

  const RecordsForm& form_;
  const ColumnRules& rules_;
  const std::int64_t now_ms_;
  std::map<std::string, Known> rows_;
  std::map<std::string, Known> before_;  ///< Rows as a request found them, in case it is undone.
  std::vector<std::string> new_ids_;
  std::deque<Change> changes_;
  bool has_removed_ = false;
};

/// Kind of documents of a source of records; id: RememberedRequest::id.
inline constexpr char kAnswerKind[] = "answer";
inline constexpr std::int64_t kAnswersKeptMs = 24 * 3'600'000;
inline constexpr std::int64_t kAnswersMax = 100'000;

/// Returns the text that is kept. `outcome`: of `remember`, which makes its answer from it.
std::string PackedOutcome(const RememberedRequest& remember, const RecordOutcome& outcome);
/// Returns the answer to a repetition, in RecordOutcome::remembered. `request`: the
/// repetition; null if the answer is kept as it is. RecordOutcome::status: kOutOfRange:
/// another request used the same id; kFailedPrecondition: the kept text cannot be parsed.
RecordOutcome OutcomeAgain(const std::string& packed, const RememberedRequest& remember,
                           const RecordRequest* request);

/// Finds an earlier answer, as OutcomeAgain(). Absent: no such request in the last 24 h. Errors: as Store.
absl::StatusOr<std::optional<RecordOutcome>> FindRememberedIn(StoreRecords& records,
                                                              const RememberedRequest& remember,
                                                              std::int64_t now_ms,
                                                              const RecordRequest* request = nullptr);
/// Keeps `answer` as it is; it must not contain an external id.
DocumentChange RememberedChange(const RememberedRequest& remember, const std::string& answer);

/// Kind of the documents of a source of records about erasing.
/// Without an id: since when data is to be erased. Under kErasingId: the token of
/// the running erasure, or, after kScrubbed, of one that has rewritten the mirror's
/// files while a hub may still hold the data. A deletion removes the token.
inline constexpr char kErasureKind[] = "erasure";
inline constexpr char kErasingId[] = "erasing";
inline constexpr char kScrubbed[] = "scrubbed ";

/// Plans requests of one data source in one transaction: each sees the result of
/// those before it. Created, used and destroyed under the store's writer lock.
/// Arguments must outlive the planner, and the planner must outlive the plan.
/// Threads: none.
class RecordsPlanner {
 public:
  /// `rules`: the current rules for the tenant's columns.
  RecordsPlanner(Store& store, const ColumnRules& rules, std::int64_t now_ms)
      : store_(store), rules_(rules), now_ms_(now_ms) {}

  /// Must be called first: reads the rows that `requests` touch. Errors: as Store,
  /// and those of PartnerChanges::Read(); kInvalidArgument: the configured rules
  /// for columns are not valid. `form`: in: the last form; out: the current one.
  absl::Status Begin(const TenantRecord& tenant, const std::vector<const RecordRequest*>& requests,
                     std::shared_ptr<const RecordsForm>* form);
  /// Plans one request, or returns its earlier answer. An error is in RecordOutcome::status,
  /// and then nothing of the request is planned; kFailedPrecondition: nothing may be
  /// written, see StoppedWhy(). Errors of the call: as Store.
  absl::StatusOr<RecordOutcome> Add(const RecordRequest& request);
  /// Called after all requests. Absent: there is nothing to write. Errors: as Store; those of column rules.
  absl::StatusOr<std::optional<Plan>> MakePlan();

 private:
  Store& store_;
  const ColumnRules& rules_;
  const std::int64_t now_ms_;
  std::shared_ptr<const RecordsForm> form_;
  TenantRecord tenant_;
  std::optional<TableRecord> record_;
  std::map<const RecordRequest*, RecordOutcome> again_;  ///< Answers to repeated requests.
  absl::Status stopped_;                                 ///< Status for all other requests.
  std::optional<PartnerChanges> changes_;
  std::map<std::string, std::string> remembered_;  ///< In this transaction: texts by id.
  std::vector<DocumentChange> documents_;
  bool has_erased_ = false;
};

/// Deletes all rows, and the rejects of import jobs with them.
absl::StatusOr<std::optional<Plan>> PlanEmptyTable(Store& store, const TenantRecord& tenant,
                                                   const TableRecord& record, const TableSchema& agreed,
                                                   std::int64_t now_ms);
/// Gives a table without rows another mapper. Errors: kFailedPrecondition: there are rows.
absl::StatusOr<std::optional<Plan>> PlanOtherTable(const TenantRecord& tenant, const TableRecord& record,
                                                   const TableSchema& agreed, const std::string& mapper,
                                                   std::int64_t now_ms);

/// Checks operators' calls that request something from a source.
/// Errors: kFailedPrecondition: the rows come as records.
absl::Status CheckComesByCycles(const TenantRecord& tenant);
/// If `plan.tenant` is one of records, adds a new lineage for its table: afterwards no earlier
/// position matches. `only_stopped`: only if somebody had set its LSN to -1. Else the mirror
/// is a copy that replaces another one, and import jobs that wait or run in it are ended.
/// Errors: as Store.
absl::Status RenewLineage(StoreRecords& records, bool only_stopped, Plan* plan);

/// Removes the token of a running erasure: it may have passed the data that the plan adds to be erased.
absl::Status TellWhoErases(StoreRecords& records, Plan* plan);
/// Notes that data that the plan deletes has to leave the files. Also removes the
/// token of a running erasure, which may have passed that data. Errors: as Store.
absl::Status MustErase(StoreRecords& records, const TenantRecord& tenant, Plan* plan);

/// Adds the end of all import jobs that are not over: they died, and `message` says why.
absl::Status EndJobs(StoreRecords& records, const std::string& message, std::int64_t now_ms,
                     std::vector<DocumentChange>* changes);

/// Returns why a source of records refuses writes now, for people; empty: it accepts them.
std::string StoppedWhy(const TenantRecord& tenant, const std::optional<TableRecord>& record);
/// Returns the error for a write to a tenant whose rows come through the other door.
absl::Status NotOfRecords(const TenantRecord& tenant);

/// `kept`: the table in its kept form, whose columns the block
/// has. A missing column is null. Fills in the nulls of the block.
absl::StatusOr<std::vector<PartnerRow>> PartnersOf(const TableSchema& agreed, const TableSchema& kept,
                                                   RowBlock* rows);

/// Returns the rows as a block of these columns of `agreed`.
RowBlock BlockOf(const TableSchema& agreed, const std::vector<std::uint32_t>& columns,
                 const std::vector<const PartnerRow*>& rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_PLANNER_H_
