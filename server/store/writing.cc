#include "server/store/writing.h"

#include <utility>

namespace mirror {

bool Writing::Begin(Store& store) {
  if (is_over_) return false;
  const bool is_first = savepoints_ == Savepoints::kWhereNeeded;
  absl::StatusOr<std::unique_ptr<StoreWork>> work =
      store.Begin(is_first ? intent_ : Intent{.large_bytes = intent_.large_bytes});
  if (work.ok()) {
    work_ = *std::move(work);
    journal_ = store.journal();
  } else {
    End(work.status());
  }
  return work_ != nullptr;
}

void Writing::Restart() {
  savepoints_ = Savepoints::kWhereNeeded;
  is_over_ = false;
  is_restarted_ = true;
}

void Writing::Commit(absl::StatusOr<std::optional<Plan>> plan) {
  if (first_) return CommitSecond(std::move(plan));
  if (!plan.ok()) return End(plan.status());
  if (!*plan) return End(std::optional<Committed>());
  (*plan)->journal = journal_;
  absl::StatusOr<CommitResult> done = work_->Commit(**plan, savepoints_);
  Settle(**std::move(plan), std::move(done));
}

void Writing::Leave(absl::Status why) {
  if (why.ok()) return Commit(std::optional<Plan>());
  Commit(std::move(why));
}

const Committed* Writing::RunFirst(Plan plan) {
  plan.journal = journal_;
  absl::StatusOr<CommitResult> done = work_->RunFirst(plan);
  if (done.ok() && !done->again) {
    first_ = Committed{std::move(plan), *std::move(done)};
    return &*first_;
  }
  Settle(std::move(plan), std::move(done));
  return nullptr;
}

void Writing::CommitSecond(absl::StatusOr<std::optional<Plan>> plan) {
  if (!plan.ok()) return Again();
  Committed first = *std::move(first_);
  first.result.followed = plan->has_value();
  Plan behind;
  behind.kept = first.plan.kept;
  if (*plan) behind = **std::move(plan);
  behind.journal = journal_;
  absl::StatusOr<CommitResult> done = work_->Commit(behind, savepoints_);
  if (done.ok() && !done->again) {
    first.result.hooks_dropped += done->hooks_dropped;
    done = std::move(first.result);
  }
  Settle(std::move(first.plan), std::move(done));
}

void Writing::Settle(Plan plan, absl::StatusOr<CommitResult> done) {
  if (!done.ok()) return End(done.status());
  if (done->again) return Again();
  End(Committed{std::move(plan), *std::move(done)});
}

void Writing::Again() {
  if (savepoints_ == Savepoints::kAlways) {
    return End(absl::InternalError("a single step could not be rolled back. Nothing was applied."));
  }
  savepoints_ = Savepoints::kAlways;
  first_.reset();
  work_.reset();
}

void Writing::End(absl::StatusOr<std::optional<Committed>> result) {
  first_.reset();
  work_.reset();
  is_over_ = true;
  result_ = std::move(result);
}

}  // namespace mirror
