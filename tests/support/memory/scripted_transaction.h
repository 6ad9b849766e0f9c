#ifndef MIRROR_TESTS_SUPPORT_MEMORY_SCRIPTED_TRANSACTION_H_
#define MIRROR_TESTS_SUPPORT_MEMORY_SCRIPTED_TRANSACTION_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/store_transaction.h"
#include "tests/support/memory/memory_mirror.h"

namespace mirror {

/// The verbs over `mirror`, each written down when it is asked for, as "WriteRecord people"; what only reads
/// is not. One that is in `failures` fails instead, each time for one of its statuses.
class ScriptedTransaction final : public StoreTransaction {
 public:
  ScriptedTransaction();
  ~ScriptedTransaction() override;

  TenantVerbs& tenant() override;
  RecordVerbs& records() override;
  TableVerbs& tables() override;
  JournalVerbs& journal() override;
  HistoryVerbs& history() override;

  absl::Status Begin(const Intent& intent) override;
  absl::Status Commit(Kept kept) override;
  void Rollback() override;
  bool IsOver() const override { return is_over; }
  bool MayTryAgain() const override { return may_try_again; }
  bool ReadsItsWrites() const override { return reads_its_writes; }
  absl::Status SetSavepoint() override;
  absl::Status ReleaseSavepoint() override;
  absl::Status RollBackToSavepoint() override;

  MemoryMirror mirror;
  Kept last_kept = Kept::kNow;  ///< Of the last commit.
  std::vector<std::string> verbs;
  std::map<std::string, std::vector<absl::Status>> failures;
  bool is_over = false;
  bool may_try_again = false;
  bool reads_its_writes = true;

 private:
  class Tenant;
  class Records;
  class Tables;
  /// The verb is asked for: OK, or what it fails with.
  absl::Status Next(const std::string& verb);

  std::unique_ptr<StoreTransaction> memory_;
  std::unique_ptr<Tenant> tenant_;
  std::unique_ptr<Records> records_;
  std::unique_ptr<Tables> tables_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_MEMORY_SCRIPTED_TRANSACTION_H_
