#ifndef MIRROR_SERVER_TENANT_ROW_PLANNER_H_
#define MIRROR_SERVER_TENANT_ROW_PLANNER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/breaker.h"
#include "server/plan/plan.h"
#include "server/plan/row_request.h"
#include "server/store/store.h"

namespace mirror {

/// Plans row requests of one cycle in one transaction. Each request is planned for the expected results of
/// the earlier ones. Its answer comes from the actual results. Threads: none.
class RowPlanner {
 public:
  /// The running cycle. A request may write to tables that were announced in it and not refused.
  struct Cycle {
    std::int64_t number = 0;
    bool announced = false;
    const std::set<std::string>& refused_tables;  ///< Folded names.
    std::string context_id = {};
    const BreakerConfig* breaker = nullptr;    ///< Null: no change is held.
    const std::vector<Hold>* holds = nullptr;  ///< Current holds; set together with `breaker`.
    std::int64_t now_ms = 0;
    std::int64_t known_miss = 0;  ///< TenantRecord::missed_cycle.
  };

  RowPlanner(Store& store, const Cycle& cycle, const RefusedBatches& refused);

  /// Returns whether the first batch of a table came before its predecessor, which may still come.
  absl::StatusOr<bool> HasGap(const RowRequest& request);
  /// Plans `request`, which must outlive the planner. Returns false, only with `may_wait`, if one of its
  /// batches came before its predecessor; then nothing of the request was planned. Errors: as Store.
  absl::StatusOr<bool> Add(const RowRequest& request, bool may_wait);
  /// Returns the steps of all requests, in order.
  std::vector<Step> TakeSteps() { return std::move(steps_); }
  /// Returns the holds to write with those steps.
  std::vector<Hold> TakeHolds() { return std::move(new_holds_); }
  /// Returns the facts about the batches that the cycle may have to remember.
  NotedBatches BatchesToNote() const;
  /// Returns whether a step was refused because it would delete too many rows. Valid after Settle().
  bool has_late() const { return !late_.empty(); }
  /// Answers those steps by the present rows. Returns the holds that they need. Errors: as Store.
  absl::StatusOr<std::vector<Hold>> JudgeLate();

  /// Returns the outcomes of request number `request`: one for each part, batch and advanced table.
  std::vector<BatchOutcome>& outcomes(std::size_t request) { return requests_[request].outcomes; }
  /// Takes the results of the steps. An outcome that was planned after a step that failed becomes aborted.
  /// `left_out` gets {table, index} for each index that a swap could not keep. Errors: as Store.
  absl::Status Settle(std::vector<StepResult>& results,
                      std::vector<std::pair<std::string, std::string>>* left_out);
  /// The state of an outcome's table after the request was applied.
  struct Standing {
    bool there = false;  ///< The table has a metadata row.
    std::int64_t cycle = 0;
    std::uint64_t seq = 0;
    Lsn lsn;
  };
  absl::StatusOr<Standing> StandingAfter(std::size_t request, std::size_t outcome);

 private:
  static constexpr std::size_t kNoStep = static_cast<std::size_t>(-1);

  struct Planned {
    std::vector<BatchOutcome> outcomes;
    std::vector<std::size_t> steps;  ///< One per outcome.
    std::vector<Standing> after;     ///< One per outcome: valid unless `failed`.
    std::vector<bool> failed;        ///< One per outcome: an earlier step of the same table had failed.
    std::vector<bool> by_record;     ///< One per outcome: the outcome depends on the table's metadata row.
  };

  /// Number of rows that a refused step would have deleted.
  struct Late {
    HoldKind kind = HoldKind::kDeletes;
    std::int64_t vanish = 0;
    std::vector<std::string> keys;
    BatchOutcome* outcome;
  };

  absl::StatusOr<std::optional<TableRecord>> Of(const std::string& table);
  bool IsAgreed(const std::string& table) const;
  absl::Status AddPart(const IncomingPart& part, Planned* planned);
  absl::Status AddBatch(const IncomingBatch& batch, Planned* planned);
  absl::Status AddAdvance(const RowRequest& request, const std::string& table, Lsn base, Planned* planned);
  absl::Status SettleOne(Planned& planned, std::size_t i, std::vector<StepResult>& results,
                         std::vector<std::pair<std::string, std::string>>* left_out);
  absl::Status Break(const IncomingBatch& batch, const TableRecord& record, Step* step,
                     BatchOutcome* outcome);
  absl::Status HoldBatch(HoldKind kind, const TableRecord& record, std::int64_t vanish,
                         const BreakerLimits& limits, std::vector<std::string> keys, BatchOutcome* outcome);
  using MayDelete = decltype(Step::may_delete);
  MayDelete BoundDeletes(const std::string& table, const BreakerLimits& limits, std::int64_t planned) const;
  void SettleDeletes(const StepResult& result, BatchOutcome* outcome);
  absl::StatusOr<std::vector<Loss>> LossesOf(const std::string& table);
  absl::StatusOr<std::optional<Hold>> JudgeLate(const Late& late);
  void Keep(BatchOutcome outcome, std::optional<Step> step, bool by_record, Planned* planned);

  Store& store_;
  const Cycle cycle_;
  const RefusedBatches refused_before_;
  RefusedBatches refused_;                                     ///< Expected state after the planned steps.
  std::map<std::string, std::optional<TableRecord>> records_;  ///< Expected records after the planned steps,
                                                               ///< by folded name.
  std::vector<Step> steps_;
  std::vector<Planned> requests_;
  std::vector<Hold> new_holds_;
  std::vector<Late> late_;
  std::map<std::string, std::vector<Loss>> losses_;  ///< By folded table; the losses before the steps.
  std::set<std::string> failed_;                     ///< Folded tables with a failed step.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_PLANNER_H_
