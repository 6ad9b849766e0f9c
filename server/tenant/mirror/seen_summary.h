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
/// Reads these parts. A part that cannot be read is unchanged: the call that needs it will report the error.
void ReadSummary(Store& store, Look look, TenantSummary* summary);

/// The part of a tenant's state that can be read without its database and without its lock.
/// Threads: any. Its own lock is taken last, and only for a moment.
class SeenSummary {
 public:
  SeenSummary();
  TenantSummary Get() const;
  /// The same without the progress of a running cycle. Null: nothing is known.
  std::shared_ptr<const TenantSummary> Shared() const;
  /// Returns whether its rows come as records, as far as is known.
  bool HasRecords() const;
  /// Replaces the summary, except for the failure, which may have been set in between.
  void Set(TenantSummary next);
  /// Sets the summary that the catalog kept, unless a better one is known.
  void Remember(const TenantSummary& summary);
  /// Replaces the summary `known` by a later one of another server, and returns
  /// it. Null: the current summary is not `known` any more; nothing was done.
  std::shared_ptr<const TenantSummary> TakeOver(const TenantSummary& summary,
                                                const std::shared_ptr<const TenantSummary>& known);
  /// Notes the source times of tables, from steps that were done.
  void NoteTimes(const std::vector<Step>& steps, const std::vector<StepResult>& results);
  /// Notes that rows were written as records: see WithRecords().
  void NoteRecords(std::int64_t rows, std::int64_t lsn);
  /// Notes that a cycle failed or could not begin: the summary says so until a cycle ends well.
  void NoteFailure(std::string_view why);
  /// Returns whether there was a failure.
  bool ForgetFailure();
  /// End of the last call of a cycle, unix milliseconds; 0: none since the start.
  std::int64_t progress_ms() const { return progress_ms_.load(std::memory_order_relaxed); }
  void NoteProgress(std::int64_t ms) { progress_ms_.store(ms, std::memory_order_relaxed); }
  /// A number, unique in this process, that changes when the documents may have changed, by this process
  /// or with a new file. Data that was read after the number was read is valid while it stays the same.
  std::uint64_t documents_version() const { return documents_version_; }
  void NoteDocuments();
  /// This process's record of the tenant's cycles.
  CycleBook& book() { return book_; }
  const CycleBook& book() const { return book_; }

 private:
  mutable Mutex mutex_;
  mutable std::shared_ptr<const TenantSummary> summary_ MIRROR_GUARDED_BY(mutex_);
  /// Source times from commits since `summary_` was made: the reader merges them, not every commit.
  mutable std::map<std::string, std::int64_t> times_ MIRROR_GUARDED_BY(mutex_);
  /// The same for records: number of rows, and LSN of their table.
  mutable std::optional<std::pair<std::int64_t, std::int64_t>> records_ MIRROR_GUARDED_BY(mutex_);
  std::atomic<std::int64_t> progress_ms_{0};
  std::atomic<std::uint64_t> documents_version_;
  CycleBook book_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_TENANT_MIRROR_SEEN_SUMMARY_H_
