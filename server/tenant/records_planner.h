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

// Answers to requests with an Idempotency-Key. A repetition gets the same answer and changes nothing.

// Converts rows of kPartnerTable to partners and back.

namespace mirror {

/// Maximum bytes of stored rows that one transaction may touch. They stay in memory until it ends.
inline constexpr std::uint64_t kStoredBytesMax = 32 << 20;
/// Maximum number of JSON values in these rows, see JsonLimits::values_max. An upsert of one attribute parses
/// the whole stored record under the tenant's writer lock, so even a short request could take long.
inline constexpr std::size_t kStoredValuesMax = 1'000'000;

/// The rows that some requests touch, and the changes to them. Requests are applied in order; each one sees
/// the results of the earlier ones. The arguments must outlive this object. This object must outlive the step
/// to which it added changes. Threads: none.
class PartnerChanges {
 public:
  PartnerChanges(const RecordsForm& form, const ColumnRules& rules, std::int64_t now_ms)
      : form_(form), rules_(rules), now_ms_(now_ms) {}

  /// Reads the stored rows. Must be called first. Errors: as Store; kOutOfRange: more than kStoredBytesMax or
  /// kStoredValuesMax.
  absl::Status Read(StoreRecords& records, const std::vector<const RecordRequest*>& requests);
  /// Applies the request, and writes its result to `outcome`.
  void Apply(const RecordRequest& request, RecordOutcome* outcome);
  /// Undoes the last request, which has RecordRequest::all_or_nothing. Called directly after its Apply().
  void TakeBack();
  /// Adds the writes, after all requests. Errors: those of the column rules.
  absl::Status AddTo(Step* step);

  /// Returns whether the writes delete a row.
  bool has_removed() const { return has_removed_; }

 private:
  struct Known {
    bool is_stored = false;   ///< The row existed when it was read.
    bool is_removed = false;  ///< The stored row was deleted since. A row written after that is a new row.
    bool is_changed = false;
    std::optional<PartnerRow> row = std::nullopt;  ///< The row after all requests so far. Absent: it does not
                                                   ///< exist.
    /// Columns that were set since the row was read. If some columns have rules, this object knows the other
    /// columns only in the form in which they are kept.
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
  std::map<std::string, Known> before_;  ///< Rows as they were before a request, to undo it.
  std::vector<std::string> new_ids_;
  std::deque<Change> changes_;
  bool has_removed_ = false;
};

/// Kind of documents of a source of records; id: RememberedRequest::id.
inline constexpr char kAnswerKind[] = "answer";
inline constexpr std::int64_t kAnswersKeptMs = 24 * 3'600'000;
inline constexpr std::int64_t kAnswersMax = 100'000;

/// Returns the text to keep. `outcome`: the outcome of the request `remember`; a repetition's answer is made
/// from it.
std::string PackedOutcome(const RememberedRequest& remember, const RecordOutcome& outcome);
/// Returns the answer to a repetition, in RecordOutcome::remembered. `request`: the repetition; null: the
/// kept text is the answer. RecordOutcome::status: kOutOfRange: a different request used the same id;
/// kFailedPrecondition: the kept text cannot be parsed.
RecordOutcome OutcomeAgain(const std::string& packed, const RememberedRequest& remember,
                           const RecordRequest* request);

/// Finds an earlier answer, see OutcomeAgain(). Absent: there was no such request in the last 24 h. Errors:
/// as Store.
absl::StatusOr<std::optional<RecordOutcome>> FindRememberedIn(StoreRecords& records,
                                                              const RememberedRequest& remember,
                                                              std::int64_t now_ms,
                                                              const RecordRequest* request = nullptr);
/// Keeps the text `answer` unchanged. It must not contain an external id.
DocumentChange RememberedChange(const RememberedRequest& remember, const std::string& answer);

/// Kind of the documents about erasing, in a source of records. The document without an id has the time since
/// when data is to be erased. The document kErasingId has the token of the running erasure. After kScrubbed
/// it has the token of an erasure that rewrote the mirror's files while a hub may still hold the data. A
/// deletion removes the token.
inline constexpr char kErasureKind[] = "erasure";
inline constexpr char kErasingId[] = "erasing";
inline constexpr char kScrubbed[] = "scrubbed ";

/// Plans requests of one data source in one transaction. Each request sees the results of the earlier ones.
/// It is created, used and destroyed under the store's writer lock. The arguments must outlive the planner,
/// and the planner must outlive the plan. Threads: none.
class RecordsPlanner {
 public:
  /// `rules`: the current rules for the tenant's columns.
  RecordsPlanner(Store& store, const ColumnRules& rules, std::int64_t now_ms)
      : store_(store), rules_(rules), now_ms_(now_ms) {}

  /// Reads the rows that `requests` touch. Must be called first. `form`: in: the last form; out: the present
  /// one. Errors: as Store, and those of PartnerChanges::Read(); kInvalidArgument: the configured rules for
  /// columns are not valid.
  absl::Status Begin(const TenantRecord& tenant, const std::vector<const RecordRequest*>& requests,
                     std::shared_ptr<const RecordsForm>* form);
  /// Plans one request, or returns its earlier answer. If the request fails, RecordOutcome::status has the
  /// error, and nothing of the request is planned. kFailedPrecondition there: writes are not allowed now, see
  /// StoppedWhy(). Errors of the call: as Store.
  absl::StatusOr<RecordOutcome> Add(const RecordRequest& request);
  /// Returns the plan of all requests. Absent: there is nothing to write. Errors: as Store; those of column
  /// rules.
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
  std::map<std::string, std::string> remembered_;  ///< Texts to remember from this transaction, by id.
  std::vector<DocumentChange> documents_;
  bool has_erased_ = false;
};

/// Plans the deletion of all rows and of the rejects of import jobs.
absl::StatusOr<std::optional<Plan>> PlanEmptyTable(Store& store, const TenantRecord& tenant,
                                                   const TableRecord& record, const TableSchema& agreed,
                                                   std::int64_t now_ms);
/// Plans another mapper for a table without rows. Errors: kFailedPrecondition: there are rows.
absl::StatusOr<std::optional<Plan>> PlanOtherTable(const TenantRecord& tenant, const TableRecord& record,
                                                   const TableSchema& agreed, const std::string& mapper,
                                                   std::int64_t now_ms);

/// Checks that the tenant's rows come from cycles, for an operator's calls that request something from a
/// source. Errors: kFailedPrecondition: the rows come as records.
absl::Status CheckComesByCycles(const TenantRecord& tenant);
/// Adds a new lineage for the table if `plan.tenant` is a tenant of records: then no earlier position matches
/// any more. `only_stopped`: only if somebody had set the table's LSN to -1. Without it the mirror is a copy
/// that replaced another mirror, and its waiting and running import jobs are ended. Errors: as Store.
absl::Status RenewLineage(StoreRecords& records, bool only_stopped, Plan* plan);

/// Removes the token of a running erasure: the erasure may already have passed the place of data that the
/// plan adds to be erased.
absl::Status TellWhoErases(StoreRecords& records, Plan* plan);
/// Notes that data that the plan deletes has to be removed from the files. Also removes the token of a
/// running erasure, which may already have passed the place of that data. Errors: as Store.
absl::Status MustErase(StoreRecords& records, const TenantRecord& tenant, Plan* plan);

/// Adds the end of all import jobs that are not finished. `message`: why they ended.
absl::Status EndJobs(StoreRecords& records, const std::string& message, std::int64_t now_ms,
                     std::vector<DocumentChange>* changes);

/// Returns why a source of records refuses writes now, for people; empty: it accepts them.
std::string StoppedWhy(const TenantRecord& tenant, const std::optional<TableRecord>& record);
/// Returns the error for a write to a tenant whose rows come through another door than the writer uses.
absl::Status NotOfRecords(const TenantRecord& tenant);

/// Returns the rows of a block as partners. `kept`: the table in its kept form, to which the block's columns
/// belong. A missing column is null. Fills in the nulls of the block.
absl::StatusOr<std::vector<PartnerRow>> PartnersOf(const TableSchema& agreed, const TableSchema& kept,
                                                   RowBlock* rows);

/// Returns the rows as a block of these columns of `agreed`.
RowBlock BlockOf(const TableSchema& agreed, const std::vector<std::uint32_t>& columns,
                 const std::vector<const PartnerRow*>& rows);

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_RECORDS_PLANNER_H_
