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

/// What of a store goes into a summary.
enum class Look : std::uint8_t { kTenant, kHolds, kDocuments, kAll };
/// What cannot be read stays as it was: it is met again, and told, by the call that needs it.
void ReadSummary(Store& store, Look look, TenantSummary* summary);

/// What a tenant leaves to be seen of it without its database and without its lock.
/// Threads: any. Its own lock is taken last, and for a moment.
class SeenSummary {
 public:
  SeenSummary();
  TenantSummary Get() const;
  /// The same, but for the progress of a cycle that runs. Null: there is nothing to be known.
  std::shared_ptr<const TenantSummary> Shared() const;
  /// Its rows come as records, as far as is known.
  bool HasRecords() const;
  /// Takes the place of what was there, but for the failure, which may have come meanwhile.
  void Set(TenantSummary next);
  /// What the catalog kept, unless better is known.
  void Remember(const TenantSummary& summary);
  /// What another server knows, later than `known`, in its place; gives it. Null: `known` is not what is
  /// known any more, and nothing was done.
  std::shared_ptr<const TenantSummary> TakeOver(const TenantSummary& summary,
                                                const std::shared_ptr<const TenantSummary>& known);
  /// As of when tables are by steps that were done.
  void NoteTimes(const std::vector<Step>& steps, const std::vector<StepResult>& results);
  /// Rows of records were written: see WithRecords().
  void NoteRecords(std::int64_t rows, std::int64_t lsn);
  /// A cycle failed, or could not begin: until one ends well, the summary says so.
  void NoteFailure(std::string_view why);
  /// Whether there was one.
  bool ForgetFailure();
  /// End of the last call of a cycle, unix milliseconds; 0: none since the start.
  std::int64_t progress_ms() const { return progress_ms_.load(std::memory_order_relaxed); }
  void NoteProgress(std::int64_t ms) { progress_ms_.store(ms, std::memory_order_relaxed); }
  /// Another number of this process when its documents may have changed, by this process or with its file:
  /// what was read of them behind the same number is as it was.
  std::uint64_t documents_version() const { return documents_version_; }
  void NoteDocuments();
  /// What this process saw of its cycles.
  CycleBook& book() { return book_; }
  const CycleBook& book() const { return book_; }

 private:
  mutable Mutex mutex_;
  mutable std::shared_ptr<const TenantSummary> summary_ MIRROR_GUARDED_BY(mutex_);
  /// Changes by commits since `summary_` was made: the reader makes a new summary, not every commit.
  mutable std::map<std::string, std::int64_t> times_ MIRROR_GUARDED_BY(mutex_);
  /// The same of records: their rows, and the LSN of their table.
  mutable std::optional<std::pair<std::int64_t, std::int64_t>> records_ MIRROR_GUARDED_BY(mutex_);
  std::atomic<std::int64_t> progress_ms_{0};
  std::atomic<std::uint64_t> documents_version_;
  CycleBook book_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_SEEN_SUMMARY_H_
