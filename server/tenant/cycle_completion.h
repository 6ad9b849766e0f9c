#ifndef MIRROR_SERVER_TENANT_CYCLE_COMPLETION_H_
#define MIRROR_SERVER_TENANT_CYCLE_COMPLETION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/caller.h"
#include "server/plan/comparison.h"
#include "server/plan/plan.h"
#include "server/tenant/mirror/mirror.h"
#include "server/tenant/mirror/unsent_tables.h"
#include "server/tenant/waiting_rows.h"

namespace mirror {

/// The source's last call of a cycle. It compares what the source says about its tables, ends the
/// cycle, and does the work that waits for the end of a cycle. Errors: as Mirror. Threads: any.
class CycleCompletion {
 public:
  explicit CycleCompletion(Mirror& mirror) : mirror_(mirror) {}

  /// `unsent`: see ReplicationCompletedRequest.unsent_tables.
  absl::StatusOr<std::vector<TableVerdict>> Complete(const Caller& caller, std::int64_t cycle,
                                                     const std::vector<CompletedTable>& tables,
                                                     std::int64_t now_ms,
                                                     std::optional<AllAsOf> as_of = std::nullopt,
                                                     const std::vector<UnsentTable>& unsent = {});
  /// The same in the commit of the cycle's last rows: the RowWriter adds its plan after those rows.
  class BehindRows;

 private:
  struct Completing {
    std::int64_t cycle = 0;
    const std::vector<CompletedTable>& tables;
    std::int64_t now_ms = 0;
    std::optional<AllAsOf> as_of;
    const std::vector<UnsentTable>& unsent;
    bool announced = false;
    std::string refused = {};  ///< RunningCycle::RefusalsOf().
    std::vector<TableCheck> checks = {};
    std::vector<TableVerdict> verdicts = {};
    std::string paused = {};  ///< Why the cycle's end paused the tenant; empty: not paused.
    bool first = false;       ///< No cycle was completed before.
    UnsentNews unsent_news = {};
  };
  bool WasCompleted(const Caller& caller, std::int64_t cycle) MIRROR_REQUIRES(mirror_.mutex());
  /// Compares by the digests that are known. Each table gets a verdict.
  absl::Status CompareNow(Completing* completing) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status End(Completing* completing) MIRROR_REQUIRES(mirror_.mutex());
  /// Called after the commit.
  void Ended(const Completing& completing) MIRROR_REQUIRES(mirror_.mutex());
  /// Called after the cycle's end; returns its verdicts.
  absl::StatusOr<std::vector<TableVerdict>> Finish(Completing* completing) MIRROR_EXCLUDES(mirror_.mutex());
  absl::Status PlanCompletion(const TenantRecord& before, Completing* completing, Plan* plan)
      MIRROR_REQUIRES(mirror_.mutex());
  void TellEnd(const Completing& completing) MIRROR_REQUIRES(mirror_.mutex());
  void TellUnannounced(std::int64_t cycle) MIRROR_REQUIRES(mirror_.mutex());
  /// Plans what the mirror keeps about tables that the source
  /// could not send. Unchanged if the cycle announced no table.
  absl::Status PlanUnsent(Completing* completing, Plan* plan) MIRROR_REQUIRES(mirror_.mutex());
  void TellUnsent(const UnsentNews& news);
  void TellVerdict(const TableVerdict& verdict);
  /// Compares tables whose source sends a digest but did not ask for ranges. Reads all of
  /// their rows now, after the end of the cycle, when no call waits for the tenant's lock.
  absl::Status CompareLater(const std::vector<CompletedTable>& tables, std::int64_t now_ms,
                            std::vector<TableVerdict>* verdicts) MIRROR_EXCLUDES(mirror_.mutex());
  /// Absent: the mirror was closed since, or the table does not exist any more.
  absl::StatusOr<std::optional<Compared>> CompareRows(const CompletedTable& table, std::int64_t now_ms)
      MIRROR_EXCLUDES(mirror_.mutex());
  absl::Status KeepCheck(const Compared& compared, std::int64_t now_ms) MIRROR_EXCLUDES(mirror_.mutex());
  /// Puts those of `checks` that supersede the known ones into `written`.
  absl::Status NoteChecks(const std::vector<TableCheck>& checks, std::vector<TableCheck>* written)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns whether a table of another source is left that the cycle of this plan did not
  /// complete. A source that reports the source time of such a table has its own record of it.
  absl::StatusOr<bool> AwaitsProof(const Plan& plan) MIRROR_REQUIRES(mirror_.mutex());
  void CountMiss(std::int64_t cycle, std::int64_t now_ms, TenantRecord& tenant)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Adds tables that this cycle's source cannot have brought up to date, whatever it reports.
  void AddStale(AllAsOf* as_of) MIRROR_REQUIRES(mirror_.mutex());
  /// Rewrites the file once all tables have their rows under the
  /// current rules. A failure is retried after the next cycle.
  void ScrubFile(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Returns the tables that were set aside and are kept.
  absl::StatusOr<std::vector<std::string>> Scrub(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// AwaitedTables() returns the tables that do not have their rows under the current rules yet.
  /// Plans to forget tables that were set aside. Errors: kAborted: the file need not be rewritten any more.
  absl::StatusOr<std::optional<Plan>> PlanForgetting(const TenantRecord& tenant, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::vector<std::string>> AwaitedTables() MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  /// An event said that rewriting the file waits for tables.
  bool told_unscrubbed_ MIRROR_GUARDED_BY(mirror_.mutex()) = false;
};

class CycleCompletion::BehindRows final : public RowsEnd {
 public:
  /// All arguments must outlive this object.
  BehindRows(CycleCompletion& owner, std::int64_t cycle, const Completion& said, std::int64_t now_ms)
      : owner_(owner), completing_{cycle, said.tables, now_ms, said.as_of, said.unsent} {}

  absl::StatusOr<std::optional<Plan>> MakePlan(const TenantRecord& tenant)
      MIRROR_REQUIRES(owner_.mirror_.mutex()) override;
  void NoteCommitted() MIRROR_REQUIRES(owner_.mirror_.mutex()) override;
  /// After the answer to the rows. Absent: the rows were committed without the end or not at all, or a step
  /// after the commit failed. The source then calls Complete(), which may be answered as a repetition.
  std::optional<std::vector<TableVerdict>> Finish() MIRROR_EXCLUDES(owner_.mirror_.mutex());

 private:
  CycleCompletion& owner_;
  Completing completing_;
  TenantRecord before_, ended_;
  absl::Status status_ = absl::AbortedError("the rows were not committed with the cycle's end");
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_CYCLE_COMPLETION_H_
