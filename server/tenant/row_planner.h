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

/// Requests of rows of one cycle on their way into one transaction. Each is planned in view of what those
/// before it will leave, and answered by what became of that.
/// Threads: none.
class RowPlanner {
 public:
  /// The tables that a request may write to: those that this cycle announced and that were not refused.
  struct Cycle {
    std::int64_t number = 0;
    bool announced = false;
    const std::set<std::string>& refused_tables;  ///< Folded.
    std::string context_id = {};
    const BreakerConfig* breaker = nullptr;    ///< Null: nothing is held.
    const std::vector<Hold>* holds = nullptr;  ///< As they stand; with `breaker`.
    std::int64_t now_ms = 0;
    std::int64_t known_miss = 0;  ///< TenantRecord::missed_cycle.
  };

  RowPlanner(Store& store, const Cycle& cycle, const RefusedBatches& refused);

  /// Whether the first batch of some table came before its predecessor, and that one may still come.
  absl::StatusOr<bool> HasGap(const RowRequest& request);
  /// Plans `request`, which must outlive the planner. False, for one that may wait only: a batch of it came
  /// before its predecessor, and nothing of it was planned. Errors: as Store.
  absl::StatusOr<bool> Add(const RowRequest& request, bool may_wait);
  /// The steps of all requests, in order.
  std::vector<Step> TakeSteps() { return std::move(steps_); }
  /// The holds to be written with those steps.
  std::vector<Hold> TakeHolds() { return std::move(new_holds_); }
  /// What the cycle may have to remember of them.
  NotedBatches BatchesToNote() const;
  /// Whether a step was refused since too many rows would have gone; after Settle().
  bool has_late() const { return !late_.empty(); }
  /// Answers those, from what stands there now. Gives the holds that they ask for. Errors: as Store.
  absl::StatusOr<std::vector<Hold>> JudgeLate();

  /// One outcome of each part, batch and advanced table of the request that was added as number `request`.
  std::vector<BatchOutcome>& outcomes(std::size_t request) { return requests_[request].outcomes; }
  /// Takes the results of the steps. Outcomes that were planned on a step that then failed become aborted.
  /// `left_out` gets {table, index} of what swaps could not keep. Errors: as Store.
  absl::Status Settle(std::vector<StepResult>& results,
                      std::vector<std::pair<std::string, std::string>>* left_out);
  /// Where the table of an outcome stood when its request had been applied. Errors: as Store.
  struct Standing {
    bool there = false;  ///< It has a metadata row.
    std::int64_t cycle = 0;
    std::uint64_t seq = 0;
    Lsn lsn;
  };
  absl::StatusOr<Standing> StandingAfter(std::size_t request, std::size_t outcome);

 private:
  static constexpr std::size_t kNoStep = static_cast<std::size_t>(-1);

  struct Planned {
    std::vector<BatchOutcome> outcomes;
    std::vector<std::size_t> steps;  ///< Of each outcome.
    std::vector<Standing> after;     ///< Of each outcome: as it is unless `failed`.
    std::vector<bool> failed;        ///< Of each outcome: whether a step of its table had failed by then.
    std::vector<bool> by_record;     ///< Of each outcome: whether it hangs on the table's record.
  };

  /// How many rows a refused step would have taken.
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
  RefusedBatches refused_;                                     ///< As it will be by then.
  std::map<std::string, std::optional<TableRecord>> records_;  ///< Likewise, by folded name.
  std::vector<Step> steps_;
  std::vector<Planned> requests_;
  std::vector<Hold> new_holds_;
  std::vector<Late> late_;
  std::map<std::string, std::vector<Loss>> losses_;  ///< By folded table, as they are before the steps.
  std::set<std::string> failed_;                     ///< Tables of steps that failed, folded.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_ROW_PLANNER_H_
