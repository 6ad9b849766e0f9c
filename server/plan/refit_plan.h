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

/// How a table that keeps the partner's rows and columns gets the announced definition in place, before it is
/// populated; an ordinary table would be swapped instead. Until the population the source's columns keep
/// their old values where there were any. A pure function.
RefitPlan PlanRefit(const TableSchema& agreed, const TableSchema& announced);

}  // namespace mirror

#endif  // MIRROR_SERVER_PLAN_REFIT_PLAN_H_
