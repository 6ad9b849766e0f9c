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

/// The decision on one batch, by the rules of the protocol and the mirror's state. Pure: it depends on the
/// arguments alone, which the caller read under the store's writer lock.
struct BatchPlan {
  enum class Verdict : std::uint8_t {
    kApply,     ///< Run `step`.
    kRepeated,  ///< The batch was applied before: acknowledge it.
    kGap,       ///< An earlier batch is missing; `status` is kAborted.
    kRefused,   ///< `status` has the reason.
  };
  Verdict verdict = Verdict::kRefused;
  absl::Status status;
  Step step;
};

/// Decides on one batch. `record`: the table's metadata row; absent: there is none. `cycle`: the running
/// cycle. Checks, in this order: whether `seq` was applied, whether a batch is missing before it, base_lsn,
/// and the conditions of the operation.
BatchPlan PlanBatch(std::int64_t cycle, const std::optional<TableRecord>& record, const TableSchema& schema,
                    const ChangeBatch& batch);

/// Plans a new position of a table without changes of rows. `verdict` is kApply or kRefused.
BatchPlan PlanAdvance(std::int64_t cycle, const std::optional<TableRecord>& record, const std::string& table,
                      Lsn base_lsn, const Position& position);

/// Plans a population that begins with an empty table.
BatchPlan PlanWipe(std::int64_t cycle, const std::optional<TableRecord>& record, const TableSchema& schema,
                   const Position& target, bool receipts = false);

/// Plans the table's reset to LSN -1. After it the table takes no further batch in `cycle`.
Step PlanStop(std::int64_t cycle, const TableRecord& record);

/// Plans an operator's reset of the LSN to -1.
Step PlanInvalidate(const TableRecord& record);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_APPLY_PLAN_H_
