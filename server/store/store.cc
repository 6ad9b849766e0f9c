#include "server/store/store.h"

#include <utility>

#include "base/status_macros.h"

namespace mirror {

absl::StatusOr<std::optional<Store::Committed>> Store::PlanAndCommit(const Planner& planner,
                                                                     const Intent& intent,
                                                                     const StoreWork::Follow& follow) {
  for (const Savepoints savepoints : {Savepoints::kWhereNeeded, Savepoints::kAlways}) {
    const bool first = savepoints == Savepoints::kWhereNeeded;
    ASSIGN_OR_RETURN(const std::unique_ptr<StoreWork> work,
                     Begin(first ? intent : Intent{.large_bytes = intent.large_bytes}));
    ASSIGN_OR_RETURN(std::optional<Plan> plan, planner(work->tenant()));
    if (!plan) return std::optional<Committed>();
    plan->journal = journal_;
    absl::StatusOr<CommitResult> result =
        first && follow ? work->CommitFollowed(*plan, follow) : work->Commit(*plan, savepoints);
    if (!result.ok()) return result.status();
    if (!result->again) return std::optional(Committed{*std::move(plan), *std::move(result)});
  }
  return absl::InternalError("a step could not be taken back alone. Nothing was applied.");
}

absl::StatusOr<CommitResult> Store::Commit(const Plan& plan) {
  ASSIGN_OR_RETURN(std::optional<Committed> committed,
                   PlanAndCommit([&](const TenantRecord&) { return std::optional(plan); }));
  return std::move(committed->result);
}

absl::StatusOr<std::optional<Document>> StoreRecords::ReadDocument(const std::string& kind,
                                                                   const std::string& id) {
  ASSIGN_OR_RETURN(std::vector<Document> found, ReadDocuments(kind, id, 1));
  if (found.empty() || found.front().id != id) return std::optional<Document>();
  return std::move(found.front());
}

}  // namespace mirror
