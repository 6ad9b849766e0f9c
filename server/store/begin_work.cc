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

  bool ReadsItsWrites() const override { return transaction_ != nullptr && transaction_->ReadsItsWrites(); }

  absl::StatusOr<CommitResult> RunFirst(const Plan& plan) override {
    RETURN_IF_ERROR(Start(plan));
    RanPlan ran = RunPlan(*transaction_, tenant_, plan, HasSavepoints(plan, Savepoints::kWhereNeeded));
    if (!ran.result.ok()) return End(std::move(ran), Savepoints::kWhereNeeded);
    first_kept_ = ran.kept;
    tenant_ = std::move(ran.after);
    return std::move(ran.result);
  }

  absl::StatusOr<CommitResult> Commit(const Plan& plan, Savepoints savepoints) override {
    if (first_kept_) return CommitBehind(plan);
    RETURN_IF_ERROR(Start(plan));
    return End(RunPlan(*transaction_, tenant_, plan, HasSavepoints(plan, savepoints)), savepoints);
  }

 private:
  absl::Status Start(const Plan& plan) {
    if (transaction_ == nullptr) {
      return absl::InternalError("this transaction is over. Nothing was applied.");
    }
    absl::Status started = transaction_->StartPlan(plan);
    if (!started.ok()) transaction_.reset();
    return started;
  }

  static bool HasSavepoints(const Plan& plan, Savepoints savepoints) {
    return savepoints == Savepoints::kAlways ||
           (plan.steps.size() > 1 && LargestBatch(plan) <= kRowsWithSavepointMax);
  }

  absl::StatusOr<CommitResult> CommitBehind(const Plan& plan) {
    if (transaction_ == nullptr) return Start(plan);
    RanPlan ran = RunPlan(*transaction_, tenant_, plan, /*savepoints=*/false);
    ran.kept = plan.kept == Kept::kNow ? Kept::kNow : *first_kept_;
    // The first plan can be done without it.
    ran.needs_savepoint = !ran.result.ok();
    return End(std::move(ran), Savepoints::kWhereNeeded);
  }

  absl::StatusOr<CommitResult> End(RanPlan ran, Savepoints savepoints) {
    absl::StatusOr<CommitResult>& result = ran.result;
    if (!result.ok()) {
      transaction_->Rollback();
    } else if (absl::Status status = transaction_->Commit(ran.kept); !status.ok()) {
      result = std::move(status);
    }
    const bool try_again = savepoints == Savepoints::kWhereNeeded && transaction_->MayTryAgain();
    static_cast<void>(transaction_.release());
    if (result.ok() || !(ran.needs_savepoint || try_again)) return std::move(result);
    CommitResult again;
    again.again = true;
    return again;
  }

  BegunTransaction transaction_;  ///< Null: it is over.
  TenantRecord tenant_;
  std::optional<Kept> first_kept_;  ///< Of the plan that ran first. Absent: none did.
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreWork>> BeginWork(StoreTransaction& transaction, const Intent& intent) {
  RETURN_IF_ERROR(transaction.Begin(intent));
  BegunTransaction begun(&transaction);
  ASSIGN_OR_RETURN(TenantRecord tenant, begun->tenant().ReadTenant());
  return std::make_unique<RunnerWork>(std::move(begun), std::move(tenant));
}

}  // namespace mirror
