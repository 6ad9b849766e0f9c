#include "server/store/begin_work.h"

#include <new>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "server/store/plan_runner.h"

namespace mirror {
namespace {

/// Takes back a transaction that nobody has committed.
struct RollBack {
  void operator()(StoreTransaction* transaction) const {
    try {
      transaction->Rollback();
    } catch (const std::bad_alloc&) {
      // Whoever has no memory for it closes the store, and that takes it back.
    }
  }
};
using BegunTransaction = std::unique_ptr<StoreTransaction, RollBack>;

/// A savepoint makes SQLite copy each page that a step changes, a sixth of the time of a large one, and of
/// those hardly any is refused. Of many small ones one that is refused would have all written twice.
constexpr std::uint32_t kRowsWithSavepointMax = 1'000;

class RunnerWork final : public StoreWork {
 public:
  RunnerWork(BegunTransaction transaction, TenantRecord tenant)
      : transaction_(std::move(transaction)), tenant_(std::move(tenant)) {}

  const TenantRecord& tenant() const override { return tenant_; }

  absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) override {
    return Finish(plan, savepoints, {});
  }

  absl::StatusOr<CommitResult> CommitFollowed(const Plan& plan, const Follow& follow) override {
    return Finish(plan, Savepoints::kWhereNeeded, follow);
  }

 private:
  absl::StatusOr<CommitResult> Finish(const Plan& plan, Savepoints savepoints, const Follow& follow) {
    if (transaction_ == nullptr) {
      return absl::InternalError("this transaction is over. Nothing was applied.");
    }
    if (absl::Status started = transaction_->StartPlan(plan); !started.ok()) {
      transaction_.reset();
      return started;
    }
    RanPlan ran = RunPlan(*transaction_, tenant_, plan,
                          savepoints == Savepoints::kAlways ||
                              (plan.steps.size() > 1 && LargestBatch(plan) <= kRowsWithSavepointMax));
    absl::StatusOr<CommitResult>& result = ran.result;
    Kept kept = ran.kept;
    bool alone = false;
    if (result.ok() && follow && transaction_->ReadsItsWrites()) {
      alone = !RunFollowing(follow, plan, ran.after, &*result, &kept).ok();
    }
    if (!result.ok() || alone) {
      transaction_->Rollback();
    } else if (absl::Status status = transaction_->Commit(kept); !status.ok()) {
      result = std::move(status);
    }
    const bool try_again = savepoints == Savepoints::kWhereNeeded && transaction_->MayTryAgain();
    static_cast<void>(transaction_.release());
    if (!alone && (result.ok() || !(ran.needs_savepoint || try_again))) return std::move(result);
    CommitResult again;
    again.again = true;
    return again;
  }

  absl::Status RunFollowing(const Follow& follow, const Plan& first, const TenantRecord& tenant,
                            CommitResult* result, Kept* kept) {
    ASSIGN_OR_RETURN(std::optional<Plan> next, follow(*result, tenant));
    if (!next) return absl::OkStatus();
    next->journal = first.journal;
    const absl::StatusOr<CommitResult> done =
        RunPlan(*transaction_, tenant, *next, /*savepoints=*/false).result;
    if (!done.ok()) return done.status();
    result->followed = true;
    result->hooks_dropped += done->hooks_dropped;
    if (next->kept == Kept::kNow) *kept = Kept::kNow;
    return absl::OkStatus();
  }

  BegunTransaction transaction_;  ///< Null: it is over.
  const TenantRecord tenant_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreWork>> BeginWork(StoreTransaction& transaction, const Intent& intent) {
  RETURN_IF_ERROR(transaction.Begin(intent));
  BegunTransaction begun(&transaction);
  ASSIGN_OR_RETURN(TenantRecord tenant, begun->tenant().ReadTenant());
  return std::make_unique<RunnerWork>(std::move(begun), std::move(tenant));
}

}  // namespace mirror
