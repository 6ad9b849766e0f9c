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

/// The source's last call of a cycle: what it says of its tables is compared, the cycle ends, and what waits
/// for the end of one is done. Errors: as Mirror. Threads: any.
class CycleCompletion {
 public:
  explicit CycleCompletion(Mirror& mirror) : mirror_(mirror) {}

  /// `unsent`: see ReplicationCompletedRequest.unsent_tables.
  absl::StatusOr<std::vector<TableVerdict>> Complete(const Caller& caller, std::int64_t cycle,
                                                     const std::vector<CompletedTable>& tables,
                                                     std::int64_t now_ms,
                                                     std::optional<AllAsOf> as_of = std::nullopt,
                                                     const std::vector<UnsentTable>& unsent = {});
  /// The same in the commit of the cycle's last rows: the RowWriter plans it behind them.
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
    std::string paused = {};  ///< Why the cycle's end paused the tenant; empty: it did not.
    bool first = false;       ///< Nothing was completed before.
    UnsentNews unsent_news = {};
  };
  bool WasCompleted(const Caller& caller, std::int64_t cycle) MIRROR_REQUIRES(mirror_.mutex());
  /// By the digests that are known. Each table gets a verdict.
  absl::Status CompareNow(Completing* completing) MIRROR_REQUIRES(mirror_.mutex());
  absl::Status End(Completing* completing) MIRROR_REQUIRES(mirror_.mutex());
  /// Behind the commit.
  void Ended(const Completing& completing) MIRROR_REQUIRES(mirror_.mutex());
  /// Behind the cycle's end, and gives its verdicts.
  absl::StatusOr<std::vector<TableVerdict>> Finish(Completing* completing) MIRROR_EXCLUDES(mirror_.mutex());
  absl::Status PlanCompletion(const TenantRecord& before, Completing* completing, Plan* plan)
      MIRROR_REQUIRES(mirror_.mutex());
  void TellEnd(const Completing& completing) MIRROR_REQUIRES(mirror_.mutex());
  void TellUnannounced(std::int64_t cycle) MIRROR_REQUIRES(mirror_.mutex());
  /// What the mirror keeps of the tables that the source could not send; unchanged where the cycle spoke of
  /// no table.
  absl::Status PlanUnsent(Completing* completing, Plan* plan) MIRROR_REQUIRES(mirror_.mutex());
  void TellUnsent(const UnsentNews& news);
  void TellVerdict(const TableVerdict& verdict);
  /// Tables whose source gives a digest without having asked for ranges: all of their rows are read now, when
  /// the cycle is over and nobody waits for the tenant's lock.
  absl::Status CompareLater(const std::vector<CompletedTable>& tables, std::int64_t now_ms,
                            std::vector<TableVerdict>* verdicts) MIRROR_EXCLUDES(mirror_.mutex());
  /// Absent: the mirror was closed since, or the table is gone.
  absl::StatusOr<std::optional<Compared>> CompareRows(const CompletedTable& table, std::int64_t now_ms)
      MIRROR_EXCLUDES(mirror_.mutex());
  absl::Status KeepCheck(const Compared& compared, std::int64_t now_ms) MIRROR_EXCLUDES(mirror_.mutex());
  /// What of `checks` is to be written in place of what is known.
  absl::Status NoteChecks(const std::vector<TableCheck>& checks, std::vector<TableCheck>* written)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Whether a table is left that another source sent, and that the cycle of this plan did not end with:
  /// where its source tells as of when such a table is, it has a record of its own of it.
  absl::StatusOr<bool> AwaitsProof(const Plan& plan) MIRROR_REQUIRES(mirror_.mutex());
  void CountMiss(std::int64_t cycle, std::int64_t now_ms, TenantRecord& tenant)
      MIRROR_REQUIRES(mirror_.mutex());
  /// Adds the tables that this cycle's source cannot have brought up to date, whatever it says.
  void AddStale(AllAsOf* as_of) MIRROR_REQUIRES(mirror_.mutex());
  /// Once all tables have their rows under the rules of now. What cannot be done is tried after the next
  /// cycle.
  void ScrubFile(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Gives the tables that were set aside and stay.
  absl::StatusOr<std::vector<std::string>> Scrub(std::int64_t now_ms) MIRROR_REQUIRES(mirror_.mutex());
  /// Tables without their rows under the rules of now.
  /// Forgets tables that were set aside. Errors: kAborted, where the file is not to be rewritten any more.
  absl::StatusOr<std::optional<Plan>> PlanForgetting(const TenantRecord& tenant, std::int64_t now_ms)
      MIRROR_REQUIRES(mirror_.mutex());
  absl::StatusOr<std::vector<std::string>> AwaitedTables() MIRROR_REQUIRES(mirror_.mutex());

  Mirror& mirror_;
  /// That the file waits for tables to be rewritten.
  bool told_unscrubbed_ MIRROR_GUARDED_BY(mirror_.mutex()) = false;
};

class CycleCompletion::BehindRows final : public RowsEnd {
 public:
  /// What it is given outlives it.
  BehindRows(CycleCompletion& owner, std::int64_t cycle, const Completion& said, std::int64_t now_ms)
      : owner_(owner), completing_{cycle, said.tables, now_ms, said.as_of, said.unsent} {}

  absl::StatusOr<std::optional<Plan>> MakePlan(const TenantRecord& tenant)
      MIRROR_REQUIRES(owner_.mirror_.mutex()) override;
  void NoteCommitted() MIRROR_REQUIRES(owner_.mirror_.mutex()) override;
  /// Once the rows were answered. Absent: they were committed alone or not at all, or something failed behind
  /// the commit: the source is to call Complete(), which may be answered as one that is repeated.
  std::optional<std::vector<TableVerdict>> Finish() MIRROR_EXCLUDES(owner_.mirror_.mutex());

 private:
  CycleCompletion& owner_;
  Completing completing_;
  TenantRecord before_, ended_;
  absl::Status status_ = absl::AbortedError("the rows were not committed with the cycle's end");
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_CYCLE_COMPLETION_H_
