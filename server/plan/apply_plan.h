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

/// The decision on one batch, by the rules of the protocol and the mirror's state. A pure function of its
/// arguments, which were read under the store's writer lock.
struct BatchPlan {
  enum class Verdict : std::uint8_t {
    kApply,     ///< Run `step`.
    kRepeated,  ///< It was applied before: acknowledge it.
    kGap,       ///< An earlier batch is missing; `status` is kAborted.
    kRefused,   ///< `status` has the reason.
  };
  Verdict verdict = Verdict::kRefused;
  absl::Status status;
  Step step;
};

/// `record`: the table's metadata row, absent when there is none. `cycle`: the running one.
/// Order of checks: seq applied, gap, base_lsn; then what the operation needs.
BatchPlan PlanBatch(std::int64_t cycle, const std::optional<TableRecord>& record, const TableSchema& schema,
                    const ChangeBatch& batch);

/// Moves the position of a table without changes. `verdict` is kApply or kRefused.
BatchPlan PlanAdvance(std::int64_t cycle, const std::optional<TableRecord>& record, const std::string& table,
                      Lsn base_lsn, const Position& position);

/// Plans a population that begins without a row.
BatchPlan PlanWipe(std::int64_t cycle, const std::optional<TableRecord>& record, const TableSchema& schema,
                   const Position& target, bool receipts = false);

/// Plans LSN -1; the table takes no further batch in `cycle`.
Step PlanStop(std::int64_t cycle, const TableRecord& record);

/// Plans an operator's reset of the LSN to -1.
Step PlanInvalidate(const TableRecord& record);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_APPLY_PLAN_H_
