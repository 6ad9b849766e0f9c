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

/// One write to a store: begins, lets the caller plan from what it reads then, and commits. It runs at most
/// twice: the second time, if CommitResult::again asks for it, for any tables and with savepoints.
///
///   Writing writing(intent);
///   while (writing.Begin(store)) writing.Commit(MakePlan(writing.tenant()));
///   return writing.result();
///
/// The destructor rolls back what was begun and not committed. Threads: as the store. For a tenant's mirror
/// see Mirror::Begin() and Finish().
class Writing {
 public:
  explicit Writing(Intent intent = {}) : intent_(std::move(intent)) {}

  /// Takes the tenant's writer lock, see StoreWork. False: the write is over, and result() has the outcome.
  /// `store` must outlive the transaction.
  bool Begin(Store& store);
  /// Begins anew after the end, with any store, and then without RunFirst().
  void Restart();
  bool is_restarted() const { return is_restarted_; }

  // These are called after Begin(), until Commit().
  /// Returns the tenant's row, as it is under the lock; after RunFirst(), the row that it left.
  const TenantRecord& tenant() const { return work_->tenant(); }
  /// Commits the last plan. After an error, or without a plan, nothing is done.
  void Commit(absl::StatusOr<std::optional<Plan>> plan);
  /// Ends without a plan; an error becomes that of result().
  void Leave(absl::Status why);

  /// Whether RunFirst() may be called.
  bool CanCommitTwo() const {
    return !is_restarted_ && savepoints_ == Savepoints::kWhereNeeded && work_->ReadsItsWrites();
  }
  /// Runs the plan; Commit() gets the second one, and both are on disk together or not at all. If the second
  /// is an error or cannot be run, the first plan is run once more, alone. Null: the plan failed, and there
  /// is nothing to commit.
  const Committed* RunFirst(Plan plan);

  /// Returns the outcome, after the end. Absent: there was no plan. Errors: the planner's, and those of
  /// Store::Begin() and StoreWork::Commit(); nothing was done.
  absl::StatusOr<std::optional<Committed>>& result() { return result_; }

 private:
  void CommitSecond(absl::StatusOr<std::optional<Plan>> plan);
  /// Ends the transaction, or makes Begin() start it again.
  void Settle(Plan plan, absl::StatusOr<CommitResult> done);
  void Again();
  void End(absl::StatusOr<std::optional<Committed>> result);

  const Intent intent_;
  std::shared_ptr<const JournalRules> journal_;  ///< The store's.
  Savepoints savepoints_ = Savepoints::kWhereNeeded;
  std::unique_ptr<StoreWork> work_;
  std::optional<Committed> first_;  ///< The plan of RunFirst(), waiting for the second plan.
  bool is_over_ = false, is_restarted_ = false;
  absl::StatusOr<std::optional<Committed>> result_ = std::optional<Committed>();
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_WRITING_H_
