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

/// The source's rows: batches, parts and advances on their way into the mirror, together with others that
/// wait. Errors: as Mirror. Threads: any.
class RowWriter {
 public:
  explicit RowWriter(Mirror& mirror);

  /// Small requests that come while another is applied are committed together with others that wait; each
  /// has its own answer. `wait_for_gaps`: a batch that came before its predecessor waits for it. `end`: of
  /// the cycle, behind its last rows; it is committed with them if all of them are applied and nothing else
  /// keeps it from that.
  RowAnswer Apply(const Caller& caller, const RowRequest& request, bool wait_for_gaps, std::int64_t now_ms,
                  RowsEnd* end = nullptr);
  /// The same for several requests of one source, in their order; none of them waits for a gap. An answer
  /// for each.
  std::vector<RowAnswer> ApplyAll(const Caller& caller, const std::vector<const RowRequest*>& requests,
                                  std::int64_t now_ms);
  /// A population that begins without a row.
  absl::StatusOr<BatchOutcome> Wipe(const Caller& caller, std::int64_t cycle, const std::string& table,
                                    const Position& target, PopulateReason reason, std::int64_t now_ms);
  /// Requests of rows that wait for the one that is being applied.
  std::size_t waiting_requests() { return queue_.size(); }

 private:
  /// Waits for the turn of `requests`, and answers whatever this thread has to.
  void Queue(const std::vector<WaitingRows*>& requests) MIRROR_EXCLUDES(mirror_.mutex());
  /// Answers all of `group`.
  void ApplyGroup(const std::vector<WaitingRows*>& group) MIRROR_REQUIRES(mirror_.mutex());
  /// The tenant's row as it was last read, where all of `group` can go on by it. Of a store that others write
  /// to, too, reading it anew is a wait of its own, and the plan is made under its lock anyway.
  std::optional<TenantRecord> LastSeen(const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// When the tenant's row was read by which a group goes on.
  enum class RowSeen : std::uint8_t { kNow, kBefore };
  /// Answers all of `group`. False: see CommitGroup().
  bool FinishGroup(const TenantRecord& tenant, const std::vector<WaitingRows*>& group, RowSeen seen)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Those whose cycle runs; the others are answered. `tenant` becomes its row.
  std::vector<WaitingRows*> FindRunning(const std::vector<WaitingRows*>& group,
                                        absl::StatusOr<TenantRecord>* tenant)
      MIRROR_REQUIRES(mirror_.mutex());
  /// All of `group` belong to the cycle that runs by `tenant`. An error is that of the whole transaction; who
  /// has his answer by then keeps it. False, where the row was seen before: the cycle does not run any more,
  /// or is another owner's, and nothing was done.
  absl::StatusOr<bool> CommitGroup(const TenantRecord& tenant, const std::vector<WaitingRows*>& group,
                                   RowSeen seen) MIRROR_REQUIRES(mirror_.mutex());
  struct RowGroup;
  /// What was begun: plans it and commits it, with the cycle's end where it has one.
  void Write(RowSeen seen, RowGroup& group, Writing& writing) MIRROR_REQUIRES(mirror_.mutex());
  /// Under the store's lock. Absent: all of them wait.
  absl::StatusOr<std::optional<Plan>> PlanGroup(const TenantRecord& tenant, RowGroup& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// The plan of the cycle's end behind `group`, when every batch was applied, and the cycle has to remember
  /// nothing of it.
  static absl::StatusOr<std::optional<Plan>> PlanEndBehind(RowGroup& group, const Committed& done,
                                                           const TenantRecord& tenant);
  /// Counts rows that populations take from partners: before the store's lock is taken.
  void TellPartnersRows(const TenantRecord& tenant, const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Wakes calls that wait for a batch of a table of which `group` had one.
  void TellAnswered(const std::vector<WaitingRows*>& group) MIRROR_REQUIRES(mirror_.mutex());
  /// All of them wait for batches before theirs, and have nothing to be planned: seen without the store's
  /// lock, since they look again and again.
  absl::StatusOr<bool> MustWait(const TenantRecord& tenant, const std::vector<WaitingRows*>& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// As far as is known, none of its batches waits for another: the plan looks again, under the lock. `seqs`:
  /// by FoldName() of the table, the last batch of those before it; those of `request` are added.
  bool Follows(const RowRequest& request, std::map<std::string, std::uint64_t>& seqs) const
      MIRROR_REQUIRES(mirror_.mutex());
  /// What the commit changed of what is kept in memory. Gives the holds that were written; absent: what is
  /// known of holds is as it was.
  std::optional<std::vector<Hold>> NoteCommitted(const Committed& committed) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status Settle(std::vector<StepResult>& results, std::int64_t now_ms,
                      std::optional<std::vector<Hold>> changed, RowGroup& group)
      MIRROR_REQUIRES(mirror_.mutex());
  /// What was refused since too many rows would have gone is judged and kept in one transaction: `late` gets
  /// the holds.
  absl::Status KeepLateHolds(std::int64_t now_ms, RowPlanner& planner, std::vector<Hold>* late)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::Status AnswerGroup(const TenantRecord& tenant, RowGroup& group) MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::vector<BatchOutcome>> AnswerOf(const WaitingRows& waiting, std::size_t number,
                                                     RowPlanner& planner) MIRROR_REQUIRES(mirror_.mutex());
  /// Rows were missing: the table takes nothing more in this cycle.
  absl::Status StopTable(const WaitingRows& waiting, const BatchOutcome& outcome)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Fills in how its table stands, and notes it.
  void Finish(const WaitingRows& waiting, const RowPlanner::Standing& standing, std::size_t number,
              BatchOutcome* outcome) MIRROR_REQUIRES(mirror_.mutex());
  /// `outcome`: of that table, as it is planned; with an error no plan.
  absl::StatusOr<std::optional<Plan>> PlanWipeOf(const TenantRecord& tenant, const AgreedTable& agreed,
                                                 const Position& target, std::int64_t now_ms,
                                                 BatchOutcome* outcome) MIRROR_REQUIRES(mirror_.mutex());
  void TellPopulating(const std::string& table, PopulateReason reason) MIRROR_REQUIRES(mirror_.mutex());
  /// Counts what became of it, and its rows when they were applied.
  void CountBatch(const WaitingRows& waiting, std::size_t batch, const BatchOutcome& outcome);

  Mirror& mirror_;
  CommitQueue<WaitingRows> queue_;
  /// By FoldName() of the table: the last batch that was applied in that cycle, as this server saw it.
  std::map<std::string, std::uint64_t> applied_seqs_ MIRROR_GUARDED_BY(mirror_.mutex());
  std::int64_t seqs_cycle_ MIRROR_GUARDED_BY(mirror_.mutex()) = 0;
  GapWaits& gaps_;  ///< The mirror's.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_WRITER_H_
