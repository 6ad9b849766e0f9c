#ifndef MIRROR_SERVER_TENANT_MIRROR_SEEN_SUMMARY_H_
#define MIRROR_SERVER_TENANT_MIRROR_SEEN_SUMMARY_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "server/plan/plan.h"
#include "server/plan/tenant_summary.h"
#include "server/store/store.h"
#include "server/tenant/mirror/cycle_book.h"

namespace mirror {

/// The parts of a store that go into a summary.
enum class Look : std::uint8_t { kTenant, kHolds, kDocuments, kAll };
/// Reads these parts. Does not change a part that cannot be read: the call that needs it will report the
/// error.
void ReadSummary(Store& store, Look look, TenantSummary* summary);

/// The part of a tenant's state that can be read without its database and without its lock. Threads: any. Its
/// own lock is taken last, for a short time.
class SeenSummary {
 public:
  SeenSummary();
  TenantSummary Get() const;
  /// Returns the same, without the progress of a running cycle. Null: nothing is known.
  std::shared_ptr<const TenantSummary> Shared() const;
  /// Returns whether the tenant's rows come as records, as far as is known.
  bool HasRecords() const;
  /// Replaces the summary. Keeps the failure, which another thread may have set meanwhile.
  void Set(TenantSummary next);
  /// Sets the summary that the catalog kept, unless a newer one is known.
  void Remember(const TenantSummary& summary);
  /// Replaces the summary `known` by a later one from another server, and returns the new one. Null: the
  /// present summary is no longer `known`, and nothing was done.
  std::shared_ptr<const TenantSummary> TakeOver(const TenantSummary& summary,
                                                const std::shared_ptr<const TenantSummary>& known);
  /// Notes the source times of tables from successful steps.
  void NoteTimes(const std::vector<Step>& steps, const std::vector<StepResult>& results);
  /// Notes that rows were written as records: see WithRecords().
  void NoteRecords(std::int64_t rows, std::int64_t lsn);
  /// Notes that a cycle failed or could not begin. The summary shows it until a cycle ends well.
  void NoteFailure(std::string_view why);
  /// Removes the failure. Returns whether there was one.
  bool ForgetFailure();
  /// End of the last call of a cycle, unix milliseconds; 0: there was none since the start.
  std::int64_t progress_ms() const { return progress_ms_.load(std::memory_order_relaxed); }
  void NoteProgress(std::int64_t ms) { progress_ms_.store(ms, std::memory_order_relaxed); }
  /// Returns a number that is unique in this process. It changes when the documents may have changed, through
  /// this process or because of a new file. Data that was read after this number is valid while the number
  /// stays the same.
  std::uint64_t documents_version() const { return documents_version_; }
  void NoteDocuments();
  /// Returns the facts about the tenant's cycles that this process knows.
  CycleBook& book() { return book_; }
  const CycleBook& book() const { return book_; }

 private:
  mutable Mutex mutex_;
  mutable std::shared_ptr<const TenantSummary> summary_ MIRROR_GUARDED_BY(mutex_);
  /// Source times of commits after `summary_` was made. Readers merge them, so that a commit need not.
  mutable std::map<std::string, std::int64_t> times_ MIRROR_GUARDED_BY(mutex_);
  /// The same for records: the number of rows, and the LSN of their table.
  mutable std::optional<std::pair<std::int64_t, std::int64_t>> records_ MIRROR_GUARDED_BY(mutex_);
  std::atomic<std::int64_t> progress_ms_{0};
  std::atomic<std::uint64_t> documents_version_;
  CycleBook book_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_SEEN_SUMMARY_H_
