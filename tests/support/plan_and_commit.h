#ifndef MIRROR_TESTS_SUPPORT_PLAN_AND_COMMIT_H_
#define MIRROR_TESTS_SUPPORT_PLAN_AND_COMMIT_H_

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "server/store/writing.h"

namespace mirror {

/// As whoever writes to a store does. `planner`: gives the plan of the tenant's row, as often as it is asked.
template <typename Planner>
absl::StatusOr<std::optional<Committed>> PlanAndCommit(Store& store, const Planner& planner,
                                                       Intent intent = {}) {
  Writing writing(std::move(intent));
  while (writing.Begin(store)) writing.Commit(planner(writing.tenant()));
  return std::move(writing.result());
}

/// The same with a plan behind that one, of what became of it.
template <typename Planner, typename Behind>
absl::StatusOr<std::optional<Committed>> CommitBoth(Store& store, const Planner& planner,
                                                    const Behind& behind) {
  Writing writing;
  while (writing.Begin(store)) {
    if (!writing.CanCommitTwo()) {
      writing.Commit(planner(writing.tenant()));
    } else if (const Committed* const done = writing.RunFirst(*planner(writing.tenant()))) {
      writing.Commit(behind(done->result, writing.tenant()));
    }
  }
  return std::move(writing.result());
}

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_PLAN_AND_COMMIT_H_
