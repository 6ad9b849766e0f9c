#ifndef MIRROR_SERVER_TENANT_ROW_WRITER_H_
#define MIRROR_SERVER_TENANT_ROW_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "proto/wire/batch.h"
#include "server/plan/caller.h"
#include "server/plan/plan.h"
#include "server/plan/row_request.h"
#include "server/tenant/mirror/commit_queue.h"
#include "server/tenant/mirror/mirror.h"
#include "server/tenant/mirror/running_cycle.h"
#include "server/tenant/row_planner.h"
#include "server/tenant/waiting_rows.h"

namespace mirror {

/// Writes the source's rows into the mirror: batches, parts and advances,
/// grouped with other waiting requests. Errors: as Mirror. Threads: any.
class RowWriter {
 public:
  explicit RowWriter(Mirror& mirror);

  /// Applies a request. Small requests that arrive while another one is applied are
  /// committed together; each has its own answer. `wait_for_gaps`: a batch that came
  /// before its predecessor waits for it. `end`: the end of the cycle after its last
  /// rows; it is committed with them if all of them are applied and nothing prevents it.
  RowAnswer Apply(const Caller& caller, const RowRequest& request, bool wait_for_gaps, std::int64_t now_ms,
                  RowsEnd* end = nullptr);
  /// The same for several requests of one source, in order;
  /// none waits for a gap. Returns one answer per request.
  std::vector<RowAnswer> ApplyAll(const Caller& caller, const std::vector<const RowRequest*>& requests,
                                  std::int64_t now_ms);
  /// Begins a population without rows.
  absl::StatusOr<BatchOutcome> Wipe(const Caller& caller, std::int64_t cycle, const std::string& table,
                                    const Position& target, PopulateReason reason, std::int64_t now_ms);
  /// Returns the number of row requests that wait for the running one.
  std::size_t waiting_requests() { return queue_.size(); }

 private:
  /// Waits until `requests` are answered, and answers any group that this thread has to lead.
  void Queue(const std::vector<WaitingRows*>& requests) MIRROR_EXCLUDES(mirror_.mutex());
  /// Answers all of `group`.
  void ApplyGroup(const std::vector<WaitingRows*>& group) MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the tenant's row as last read, if it is good enough for all of `group`. In a store that
  /// others write to, reading it again costs a wait, and the plan is made under the store's lock anyway.
  std::optional<TenantRecord> LastSeen(const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Whether the tenant's row was read now, or before.
  enum class RowSeen : std::uint8_t { kNow, kBefore };
  /// Answers all of `group`. False: see CommitGroup().
  bool FinishGroup(const TenantRecord& tenant, const std::vector<WaitingRows*>& group, RowSeen seen)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the requests whose cycle runs, and answers the others. `tenant` gets the tenant's row.
  std::vector<WaitingRows*> FindRunning(const std::vector<WaitingRows*>& group,
                                        absl::StatusOr<TenantRecord>* tenant)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Commits `group`, whose requests all belong to the cycle that runs by `tenant`. An error is that
  /// of the whole transaction; a request that has its answer by then keeps it. False (only for a row
  /// read before): the cycle does not run any more, or has another owner, and nothing was done.
  absl::StatusOr<bool> CommitGroup(const TenantRecord& tenant, const std::vector<WaitingRows*>& group,
                                   RowSeen seen) MIRROR_REQUIRES(mirror_.mutex());
  struct RowGroup;
  /// Plans and commits the group in `writing`, with the cycle's end if it has one.
  void Write(RowSeen seen, RowGroup& group, Writing& writing) MIRROR_REQUIRES(mirror_.mutex());
  /// Called under the store's lock. Absent: all requests wait.
  absl::StatusOr<std::optional<Plan>> PlanGroup(const TenantRecord& tenant, RowGroup& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the plan of the cycle's end after `group`, if every
  /// batch was applied and the cycle has to remember nothing of it.
  static absl::StatusOr<std::optional<Plan>> PlanCycleEndAfter(RowGroup& group, const Committed& done,
                                                               const TenantRecord& tenant);
  /// Counts partners' rows that populations delete; called before the store's lock is taken.
  void TellPartnersRows(const TenantRecord& tenant, const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Wakes calls that wait for a batch of any table of `group`.
  void NotifyGapWaiters(const std::vector<WaitingRows*>& group) MIRROR_REQUIRES(mirror_.mutex());
  /// Returns whether all requests wait for earlier batches, with nothing to
  /// plan. Checked without the store's lock, since they check again and again.
  absl::StatusOr<bool> MustWait(const TenantRecord& tenant, const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns whether, as far as is known, none of its batches waits for another; the plan checks again
  /// under the lock. `seqs`: last batch of earlier requests, by folded table; adds those of `request`.
  bool Follows(const RowRequest& request, std::map<std::string, std::uint64_t>& seqs) const
      MIRROR_REQUIRES(mirror_.mutex());
  /// Updates the state in memory after the commit. Returns the holds
  /// that were written; absent: the known holds did not change.
  std::optional<std::vector<Hold>> NoteCommitted(const Committed& committed) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status Settle(std::vector<StepResult>& results, std::int64_t now_ms,
                      std::optional<std::vector<Hold>> changed, RowGroup& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Judges and keeps, in one transaction, the steps refused
  /// because too many rows would be deleted. `late` gets the holds.
  absl::Status KeepLateHolds(std::int64_t now_ms, RowPlanner& planner, std::vector<Hold>* late)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::Status AnswerGroup(const TenantRecord& tenant, RowGroup& group) MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::vector<BatchOutcome>> AnswerOf(const WaitingRows& waiting, std::size_t number,
                                                     RowPlanner& planner) MIRROR_REQUIRES(mirror_.mutex());
  /// Rows were missing: refuses the table for the rest of this cycle.
  absl::Status StopTable(const WaitingRows& waiting, const BatchOutcome& outcome)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Fills in the state of the outcome's table, and notes the outcome.
  void Finish(const WaitingRows& waiting, const RowPlanner::Standing& standing, std::size_t number,
              BatchOutcome* outcome) MIRROR_REQUIRES(mirror_.mutex());
  /// `outcome`: the planned one for that table; if it is an error, there is no plan.
  absl::StatusOr<std::optional<Plan>> PlanWipeOf(const TenantRecord& tenant, const AgreedTable& agreed,
                                                 const Position& target, std::int64_t now_ms,
                                                 BatchOutcome* outcome) MIRROR_REQUIRES(mirror_.mutex());
  void TellPopulating(const std::string& table, PopulateReason reason) MIRROR_REQUIRES(mirror_.mutex());
  /// Counts the batch by its outcome, and its rows if they were applied.
  void CountBatch(const WaitingRows& waiting, std::size_t batch, const BatchOutcome& outcome);

  Mirror& mirror_;
  CommitQueue<WaitingRows> queue_;
  /// By folded table: the last batch applied in `seqs_cycle_`, as this server saw it.
  std::map<std::string, std::uint64_t> applied_seqs_ MIRROR_GUARDED_BY(mirror_.mutex());
  std::int64_t seqs_cycle_ MIRROR_GUARDED_BY(mirror_.mutex()) = 0;
  GapWaits& gaps_;  ///< Owned by the mirror.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_WRITER_H_
