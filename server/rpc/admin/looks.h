#ifndef MIRROR_SERVER_RPC_ADMIN_LOOKS_H_
#define MIRROR_SERVER_RPC_ADMIN_LOOKS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/rpc/admin/waiting_records.h"
#include "server/store/catalog/audit_log.h"

namespace mirror {

/// Limits how many looks and refusals are recorded one by one. In each window there is a maximum for one
/// certificate's name, and one for all. Those above it are only counted. A value; threads: one.
class LookRate {
 public:
  struct Options {
    std::int64_t window_ms = 600'000;
    std::uint64_t of_one_max = 60;
    std::uint64_t of_all_max = 600;
    std::size_t names_max = 100;  ///< Further names share one count.
  };
  struct LeftOut {
    std::string who;  ///< Empty: the shared count of further names.
    std::uint64_t looks = 0;
  };

  LookRate() : LookRate(Options()) {}
  explicit LookRate(const Options& options) : options_(options) {}

  /// Counts a look. Returns whether it is to be recorded.
  bool Take(const std::string& who, std::int64_t now_ms);
  /// Returns what ended windows left out. Each item is returned once.
  std::vector<LeftOut> TakeLeftOut(std::int64_t now_ms);

 private:
  struct Count {
    std::uint64_t taken = 0, left_out = 0;
  };
  void CloseWindow(std::int64_t now_ms);

  const Options options_;
  std::int64_t began_ms_ = 0;
  std::uint64_t taken_ = 0;
  std::map<std::string, Count> counts_;
  std::vector<LeftOut> left_out_;
};

/// Records looks (calls on the operators' listener that change nothing) and calls that were refused for lack
/// of a role. They are not part of the audit log, so that a viewer can neither push operators' acts out of it
/// nor fill the disk. Looks go to the server's log and to a ring in the catalog, both limited by LookRate.
/// While the catalog cannot be written, up to kLooksPlaces looks wait in a file. Looks that find no place are
/// counted, and the server adds a look of its own with the number. Threads: any.
class Looks {
 public:
  /// `path`: the file in which looks wait.
  Looks(LookLog& log, const std::string& path, const LookRate::Options& rate = {});

  /// Adds a look; parameters as in Audit::Add().
  void Add(const std::string& who, const std::string& call, const absl::Status& outcome, std::int64_t now_ms);
  /// Records how many looks were left out. Called at intervals.
  void KeepHouse(std::int64_t now_ms);
  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) { return log_.Last(limit); }

 private:
  void Keep(const AuditRecord& look) MIRROR_EXCLUDES(mutex_, keeping_);
  /// Moves waiting looks into the ring. Returns whether none is left.
  bool KeepWaiting(std::int64_t now_ms) MIRROR_REQUIRES(keeping_);
  bool TryKeep(const AuditRecord& look) MIRROR_REQUIRES(keeping_);
  void TellLeftOut(const std::vector<LookRate::LeftOut>& left_out, std::int64_t now_ms)
      MIRROR_EXCLUDES(mutex_);

  LookLog& log_;
  Mutex mutex_;
  LookRate rate_ MIRROR_GUARDED_BY(mutex_);
  Mutex keeping_;
  const std::unique_ptr<WaitingRecords> waiting_ MIRROR_PT_GUARDED_BY(keeping_);
  std::int64_t unkept_ms_ MIRROR_GUARDED_BY(keeping_) = 0;  ///< See Audit::unkept_ms_.
};

/// Maximum number of looks that wait while the catalog cannot be written.
inline constexpr std::size_t kLooksPlaces = 128;

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_LOOKS_H_
