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

/// A plan that was committed, and what became of it.
struct Committed {
  Plan plan;
  CommitResult result;
};

/// What somebody writes to a store: begun, planned from what is read meanwhile, committed. Twice at most: the
/// second time where CommitResult::again asks for it, for any tables and with savepoints.
///
///   Writing writing(intent);
///   while (writing.Begin(store)) writing.Commit(MakePlan(writing.tenant()));
///   return writing.result();
///
/// What was begun and is not committed is taken back when it is let go of. Threads: as the store. Of a
/// tenant's mirror: Mirror::Begin() and Finish().
class Writing {
 public:
  explicit Writing(Intent intent = {}) : intent_(std::move(intent)) {}

  /// Takes the tenant's writer lock, see StoreWork. False: it is over, and result() says how. `store`
  /// outlives what was begun.
  bool Begin(Store& store);
  /// Once it is over: it is begun anew, with whichever store, and without RunFirst().
  void Restart();
  bool is_restarted() const { return is_restarted_; }

  // After Begin(), until Commit().
  /// The tenant's row, as it is under the lock; after RunFirst(), as that leaves it.
  const TenantRecord& tenant() const { return work_->tenant(); }
  /// Ends what was begun. An error, or no plan: nothing is done. The last plan counts.
  void Commit(absl::StatusOr<std::optional<Plan>> plan);
  /// Ends it without a plan: an error is what result() says.
  void Leave(absl::Status why);

  /// Whether RunFirst() may be asked.
  bool TakesTwo() const {
    return !is_restarted_ && savepoints_ == Savepoints::kWhereNeeded && work_->ReadsItsWrites();
  }
  /// Runs the plan; Commit() gets the one behind it, and both are on disk together or not at all. Where that
  /// is an error or cannot be run, the first plan is asked for once more, and goes alone. Null: it failed,
  /// and there is nothing to be committed.
  const Committed* RunFirst(Plan plan);

  /// Once it is over. Absent: there was no plan. Errors: the planner's, and those of Store::Begin() and
  /// StoreWork::Commit(); nothing was done.
  absl::StatusOr<std::optional<Committed>>& result() { return result_; }

 private:
  void CommitBehind(absl::StatusOr<std::optional<Plan>> plan);
  /// Ends the transaction that was begun, or has it begun again.
  void Settle(Plan plan, absl::StatusOr<CommitResult> done);
  void Again();
  void End(absl::StatusOr<std::optional<Committed>> result);

  const Intent intent_;
  std::shared_ptr<const JournalRules> journal_;  ///< The store's.
  Savepoints savepoints_ = Savepoints::kWhereNeeded;
  std::unique_ptr<StoreWork> work_;
  std::optional<Committed> first_;  ///< Ran, and waits for the plan behind it.
  bool is_over_ = false, is_restarted_ = false;
  absl::StatusOr<std::optional<Committed>> result_ = std::optional<Committed>();
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_WRITING_H_
