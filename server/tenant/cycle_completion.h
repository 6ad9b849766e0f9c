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

/// The source's last call of a cycle. Compares what the source reports about its tables, ends the cycle, and
/// does the work that waits for its end. Errors: as Mirror. Threads: any.
class CycleCompletion {
 public:
  explicit CycleCompletion(Mirror& mirror) : mirror_(mirror) {}

  /// Ends the cycle. `unsent`: see ReplicationCompletedRequest.unsent_tables. `now_ms`: unix milliseconds.
  absl::StatusOr<std::vector<TableVerdict>> Complete(const Caller& caller, std::int64_t cycle,
                                                     const std::vector<CompletedTable>& tables,
                                                     std::int64_t now_ms,
                                                     std::optional<AllAsOf> as_of = std::nullopt,
                                                     const std::vector<UnsentTable>& unsent = {});
  /// Ends the cycle in the commit of its last rows: RowWriter adds the plan of this class after those rows.
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
    std::string paused = {};  ///< Why the server paused the tenant at the end of the cycle; empty: it did
                              ///< not.
    bool first = false;       ///< No cycle of the tenant was completed before.
    UnsentNews unsent_news = {};
  };
  bool WasCompleted(const Caller& caller, std::int64_t cycle) MIRROR_REQUIRES(mirror_.mutex());
  /// Compares by the digests that are known already. Gives each table a verdict.
  absl::Status CompareNow(Completing* completing) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status End(Completing* completing) MIRROR_REQUIRES(mirror_.mutex());
  /// Reports the end of the cycle. Called after the commit.
  void Ended(const Completing& completing) MIRROR_REQUIRES(mirror_.mutex());
  /// Does the work that follows the cycle's end; returns the verdicts.
  absl::StatusOr<std::vector<TableVerdict>> Finish(Completing* completing) MIRROR_EXCLUDES(mirror_.mutex());
  absl::Status PlanCompletion(const TenantRecord& before, Completing* completing, Plan* plan)
      MIRROR_REQUIRES(mirror_.mutex());
  void TellEnd(const Completing& completing) MIRROR_REQUIRES(mirror_.mutex());
  void TellUnannounced(std::int64_t cycle) MIRROR_REQUIRES(mirror_.mutex());
  /// Plans what the mirror keeps about tables that the source could not send. That stays unchanged if the
  /// cycle announced no table.
  absl::Status PlanUnsent(Completing* completing, Plan* plan) MIRROR_REQUIRES(mirror_.mutex());
  void TellUnsent(const UnsentNews& news);
  void TellVerdict(const TableVerdict& verdict);
  /// Compares tables for which the source sent a digest but did not ask for digests of ranges. Reads all rows
  /// of them, after the end of the cycle, without the tenant's lock.
  absl::Status CompareLater(const std::vector<CompletedTable>& tables, std::int64_t now_ms,
                            std::vector<TableVerdict>* verdicts) MIRROR_EXCLUDES(mirror_.mutex());
  /// Compares one table by its rows. Absent: the mirror was closed meanwhile, or the table no longer exists.
  absl::StatusOr<std::optional<Compared>> CompareRows(const CompletedTable& table, std::int64_t now_ms)
      MIRROR_EXCLUDES(mirror_.mutex());
  absl::Status KeepCheck(const Compared& compared, std::int64_t now_ms) MIRROR_EXCLUDES(mirror_.mutex());
  /// Adds to `written` those of `checks` that supersede the known ones.
  absl::Status NoteChecks(const std::vector<TableCheck>& checks, std::vector<TableCheck>* written)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Returns whether a table is left that has rows of a replaced source and was not proven in this cycle. A
  /// table whose source time the source reports does not count: the source has a record of it.
  absl::StatusOr<bool> AwaitsProof(const Plan& plan) MIRROR_REQUIRES(mirror_.mutex());
  void CountMiss(std::int64_t cycle, std::int64_t now_ms, TenantRecord& tenant)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Adds the tables that this cycle cannot have brought up to date, whatever its source reports.
  void AddStale(AllAsOf* as_of) MIRROR_REQUIRES(mirror_.mutex());
  /// Rewrites the file once all tables have their rows under the present column rules. If that fails, it is
  /// tried again after the next cycle.
  void ScrubFile(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Rewrites the file. Returns the tables that were set aside and still exist.
  absl::StatusOr<std::vector<std::string>> Scrub(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Plans the drop of tables that were set aside. Errors: kAborted: another writer changed the mirror, and
  /// the file is not to be rewritten now.
  absl::StatusOr<std::optional<Plan>> PlanForgetting(const TenantRecord& tenant, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::vector<std::string>> AwaitedTables() MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  /// An event has reported that the rewriting of the file waits for tables.
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
  /// Finishes the cycle after the rows were answered. Absent: the rows were committed without the end, or not
  /// at all, or a step after the commit failed. The source then calls Complete(), which may answer it as a
  /// repetition.
  std::optional<std::vector<TableVerdict>> Finish() MIRROR_EXCLUDES(owner_.mirror_.mutex());

 private:
  CycleCompletion& owner_;
  Completing completing_;
  TenantRecord before_, ended_;
  absl::Status status_ = absl::AbortedError("the rows were not committed with the cycle's end");
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_CYCLE_COMPLETION_H_
