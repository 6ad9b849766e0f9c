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

/// Writes the source's rows into the mirror: batches, parts and advances. Groups a request with others that
/// wait. Errors: as Mirror. Threads: any.
class RowWriter {
 public:
  explicit RowWriter(Mirror& mirror);

  /// Applies a request. Small requests that arrive while another one is applied are committed together; each
  /// one gets its own answer. `wait_for_gaps`: a batch that came before its predecessor waits for it. `end`:
  /// the end of the cycle after its last rows. It is committed with the rows if all of them are applied and
  /// nothing prevents the end.
  RowAnswer Apply(const Caller& caller, const RowRequest& request, bool wait_for_gaps, std::int64_t now_ms,
                  RowsEnd* end = nullptr);
  /// Applies several requests of one source, in order. None of them waits for a missing batch. Returns one
  /// answer per request.
  std::vector<RowAnswer> ApplyAll(const Caller& caller, const std::vector<const RowRequest*>& requests,
                                  std::int64_t now_ms);
  /// Begins a population without rows.
  absl::StatusOr<BatchOutcome> Wipe(const Caller& caller, std::int64_t cycle, const std::string& table,
                                    const Position& target, PopulateReason reason, std::int64_t now_ms);
  /// Returns the number of row requests that wait for the running one.
  std::size_t waiting_requests() { return queue_.size(); }

 private:
  /// Waits until `requests` are answered. Meanwhile this thread applies the groups whose leader it is.
  void Queue(const std::vector<WaitingRows*>& requests) MIRROR_EXCLUDES(mirror_.mutex());
  /// Answers all requests of `group`.
  void ApplyGroup(const std::vector<WaitingRows*>& group) MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the tenant's row as last read, if it is sufficient for all of `group`. If other servers write to
  /// the store, reading the row again costs a wait. The plan is made under the store's lock in any case.
  std::optional<TenantRecord> LastSeen(const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// When the tenant's row was read: now, or for an earlier call.
  enum class RowSeen : std::uint8_t { kNow, kBefore };
  /// Answers all requests of `group`. Returns false as CommitGroup() does.
  bool FinishGroup(const TenantRecord& tenant, const std::vector<WaitingRows*>& group, RowSeen seen)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the requests whose cycle runs, and answers the others. `tenant` receives the tenant's row.
  std::vector<WaitingRows*> FindRunning(const std::vector<WaitingRows*>& group,
                                        absl::StatusOr<TenantRecord>* tenant)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Commits `group`, whose requests all belong to the running cycle of `tenant`. An error is the error of
  /// the whole transaction; a request that has its answer by then keeps it. Returns false, only for a row
  /// read before, if the cycle no longer runs or has another owner; then nothing was done.
  absl::StatusOr<bool> CommitGroup(const TenantRecord& tenant, const std::vector<WaitingRows*>& group,
                                   RowSeen seen) MIRROR_REQUIRES(mirror_.mutex());
  struct RowGroup;
  /// Plans and commits the group in `writing`, with the cycle's end if the group has one.
  void Write(RowSeen seen, RowGroup& group, Writing& writing) MIRROR_REQUIRES(mirror_.mutex());
  /// Plans the group. Called under the store's lock. Absent: all requests wait.
  absl::StatusOr<std::optional<Plan>> PlanGroup(const TenantRecord& tenant, RowGroup& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the plan for the cycle's end after `group`. Absent: a batch was not applied, or the cycle has to
  /// remember something about one.
  static absl::StatusOr<std::optional<Plan>> PlanCycleEndAfter(RowGroup& group, const Committed& done,
                                                               const TenantRecord& tenant);
  /// Counts the partners' rows that populations will delete. Called before the store's lock is taken.
  void TellPartnersRows(const TenantRecord& tenant, const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Wakes calls that wait for a batch of any table of `group`.
  void NotifyGapWaiters(const std::vector<WaitingRows*>& group) MIRROR_REQUIRES(mirror_.mutex());
  /// Returns whether all requests wait for earlier batches, so that there is nothing to plan. Does not take
  /// the store's lock, because waiting requests check this repeatedly.
  absl::StatusOr<bool> MustWait(const TenantRecord& tenant, const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns whether no batch of the request waits for another one, as far as memory shows. The plan checks
  /// this again under the lock. `seqs`: last batch of earlier requests, by folded table; the batches of
  /// `request` are added.
  bool Follows(const RowRequest& request, std::map<std::string, std::uint64_t>& seqs) const
      MIRROR_REQUIRES(mirror_.mutex());
  /// Updates the state in memory after the commit. Returns the holds that were written. Absent: the known
  /// holds did not change.
  std::optional<std::vector<Hold>> NoteCommitted(const Committed& committed) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status Settle(std::vector<StepResult>& results, std::int64_t now_ms,
                      std::optional<std::vector<Hold>> changed, RowGroup& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Decides, in one transaction, on steps that were refused because they would delete too many rows, and
  /// writes their holds. `late` gets the holds.
  absl::Status KeepLateHolds(std::int64_t now_ms, RowPlanner& planner, std::vector<Hold>* late)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::Status AnswerGroup(const TenantRecord& tenant, RowGroup& group) MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::vector<BatchOutcome>> AnswerOf(const WaitingRows& waiting, std::size_t number,
                                                     RowPlanner& planner) MIRROR_REQUIRES(mirror_.mutex());
  /// Refuses the table for the rest of this cycle, because rows were missing.
  absl::Status StopTable(const WaitingRows& waiting, const BatchOutcome& outcome)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Completes the outcome with the state of its table, and notes the outcome.
  void Finish(const WaitingRows& waiting, const RowPlanner::Standing& standing, std::size_t number,
              BatchOutcome* outcome) MIRROR_REQUIRES(mirror_.mutex());
  /// Plans a wipe. `outcome`: the planned outcome for the table; if it is an error, there is no plan.
  absl::StatusOr<std::optional<Plan>> PlanWipeOf(const TenantRecord& tenant, const AgreedTable& agreed,
                                                 const Position& target, std::int64_t now_ms,
                                                 BatchOutcome* outcome) MIRROR_REQUIRES(mirror_.mutex());
  void TellPopulating(const std::string& table, PopulateReason reason) MIRROR_REQUIRES(mirror_.mutex());
  /// Counts the batch by its outcome, and counts its rows if they were applied.
  void CountBatch(const WaitingRows& waiting, std::size_t batch, const BatchOutcome& outcome);

  Mirror& mirror_;
  CommitQueue<WaitingRows> queue_;
  /// By folded table: the last batch that this server applied in the cycle `seqs_cycle_`.
  std::map<std::string, std::uint64_t> applied_seqs_ MIRROR_GUARDED_BY(mirror_.mutex());
  std::int64_t seqs_cycle_ MIRROR_GUARDED_BY(mirror_.mutex()) = 0;
  GapWaits& gaps_;  ///< Owned by the mirror.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_WRITER_H_
