#ifndef MIRROR_SERVER_PLAN_REFIT_PLAN_H_
#define MIRROR_SERVER_PLAN_REFIT_PLAN_H_

#include <string>

#include "proto/wire/table.h"
#include "server/plan/plan.h"

namespace mirror {

struct RefitPlan {
  std::string refusal;  ///< Why it cannot be done, and what to do; empty: it can, by `action`.
  RefitTable action;
};

/// How a table that is to keep what is the partner's becomes one of the announced definition before it is
/// populated, where an ordinary one would be swapped for another. What the source's columns hold until then
/// is the old value where there was one. A pure function.
RefitPlan PlanRefit(const TableSchema& agreed, const TableSchema& announced);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_REFIT_PLAN_H_
