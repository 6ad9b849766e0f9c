#ifndef MIRROR_SERVER_STORE_WRITING_H_
#define MIRROR_SERVER_STORE_WRITING_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/plan/plan.h"
#include "server/store/intent.h"
#include "server/store/store.h"

namespace mirror {

/// A plan that was committed, and its result.
struct Committed {
  Plan plan;
  CommitResult result;
};

/// One write to a store: begins, lets the caller make a plan from what it reads then, and commits. If
/// CommitResult::again is set, it runs a second time, for any tables and with savepoints. It never runs more
/// than twice.
///
///   Writing writing(intent);
///   while (writing.Begin(store)) writing.Commit(MakePlan(writing.tenant()));
///   return writing.result();
///
/// The destructor rolls back what was begun and not committed. Threads: those of the store. For a tenant's
/// mirror see Mirror::Begin() and Finish().
class Writing {
 public:
  explicit Writing(Intent intent = {}) : intent_(std::move(intent)) {}

  /// Takes the tenant's writer lock, see StoreWork. False: the write is over, and result() has the outcome.
  /// `store` must outlive the transaction.
  bool Begin(Store& store);
  /// Allows a new Begin() after the end, with any store. RunFirst() is not possible then.
  void Restart();
  bool is_restarted() const { return is_restarted_; }

  // The following are called between Begin() and Commit().
  /// Returns the tenant's row as it was read under the lock. After RunFirst(): the row that the first plan
  /// left.
  const TenantRecord& tenant() const { return work_->tenant(); }
  /// Commits the last plan. If `plan` is an error or absent, commits nothing, unless RunFirst() ran a plan.
  void Commit(absl::StatusOr<std::optional<Plan>> plan);
  /// Ends without a plan. If `why` is an error, result() returns it.
  void Leave(absl::Status why);

  /// Returns whether RunFirst() may be called.
  bool CanCommitTwo() const {
    return !is_restarted_ && savepoints_ == Savepoints::kWhereNeeded && work_->ReadsItsWrites();
  }
  /// Runs the plan and waits for a second plan, which Commit() gets. Both are on disk together, or neither.
  /// If the second plan is an error or cannot be run, the write begins again, and the first plan is made and
  /// run alone. Null: the plan failed, and there is nothing to commit now.
  const Committed* RunFirst(Plan plan);

  /// Returns the outcome, after the end. Absent: there was no plan. Errors: those of the planner,
  /// Store::Begin() and StoreWork::Commit(). After an error nothing was done.
  absl::StatusOr<std::optional<Committed>>& result() { return result_; }

 private:
  void CommitSecond(absl::StatusOr<std::optional<Plan>> plan);
  /// Ends the transaction, or lets Begin() start it again.
  void Settle(Plan plan, absl::StatusOr<CommitResult> done);
  void Again();
  void End(absl::StatusOr<std::optional<Committed>> result);

  const Intent intent_;
  std::shared_ptr<const JournalRules> journal_;  ///< The rules of the store.
  Savepoints savepoints_ = Savepoints::kWhereNeeded;
  std::unique_ptr<StoreWork> work_;
  std::optional<Committed> first_;  ///< The plan of RunFirst(), which waits for the second plan.
  bool is_over_ = false, is_restarted_ = false;
  absl::StatusOr<std::optional<Committed>> result_ = std::optional<Committed>();
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_WRITING_H_
