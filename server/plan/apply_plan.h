#ifndef MIRROR_SERVER_PLAN_APPLY_PLAN_H_
#define MIRROR_SERVER_PLAN_APPLY_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "proto/wire/batch.h"
#include "proto/wire/table.h"
#include "server/plan/plan.h"

namespace mirror {

/// What is to be done with one batch, by the rules of the protocol and what the mirror holds. A pure function
/// of its arguments, which were read under the store's writer lock.
struct BatchPlan {
  enum class Verdict : std::uint8_t {
    kApply,     ///< Run `step`.
    kRepeated,  ///< It was applied before: acknowledge it.
    kGap,       ///< A batch before it is missing; `status` is kAborted.
    kRefused,   ///< `status` says why.
  };
  Verdict verdict = Verdict::kRefused;
  absl::Status status;
  Step step;
};

/// `record`: the table's metadata row, absent when there is none. `cycle`: the running one.
/// Order of checks: seq applied, gap, base_lsn; then what the operation needs.
BatchPlan PlanBatch(std::int64_t cycle, const std::optional<TableRecord>& record, const TableSchema& schema,
                    const ChangeBatch& batch);

/// Moves a quiet table on. `verdict` is kApply or kRefused.
BatchPlan PlanAdvance(std::int64_t cycle, const std::optional<TableRecord>& record, const std::string& table,
                      Lsn base_lsn, const Position& position);

/// A population that begins without a row.
BatchPlan PlanWipe(std::int64_t cycle, const std::optional<TableRecord>& record, const TableSchema& schema,
                   const Position& target, bool receipts = false);

/// The LSN becomes -1 and the table takes nothing more in `cycle`.
Step PlanStop(std::int64_t cycle, const TableRecord& record);

/// An operator's -1.
Step PlanInvalidate(const TableRecord& record);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_APPLY_PLAN_H_
