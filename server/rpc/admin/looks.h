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

/// Limits how many looks and refusals are recorded one by one: per window a maximum for one certificate's
/// name, and one for all; the others are counted. A value; threads: one.
class LookRate {
 public:
  struct Options {
    std::int64_t window_ms = 600'000;
    std::uint64_t of_one_max = 60;
    std::uint64_t of_all_max = 600;
    std::size_t names_max = 100;  ///< Names above this share a count.
  };
  struct LeftOut {
    std::string who;  ///< Empty: the shared count of names above `names_max`.
    std::uint64_t looks = 0;
  };

  LookRate() : LookRate(Options()) {}
  explicit LookRate(const Options& options) : options_(options) {}

  /// Returns whether this look is recorded.
  bool Take(const std::string& who, std::int64_t now_ms);
  /// Returns what an ended window left out; each item is returned once.
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

/// Records calls on the operators' listener that change nothing: which caller looked, and which call was
/// refused for lack of a role. They are no part of the audit log: a viewer must be able neither to push
/// operators' acts out of it nor to fill the disk. Looks go to the log and into a ring, both at LookRate's
/// rate. While the catalog cannot be written, kLooksPlaces wait in a file. Looks that find no place there are
/// counted, and the server adds a look of its own with the number. Threads: any.
class Looks {
 public:
  /// `path`: the file where looks wait.
  Looks(LookLog& log, const std::string& path, const LookRate::Options& rate = {});

  /// Adds a look; parameters as in Audit::Add().
  void Add(const std::string& who, const std::string& call, const absl::Status& outcome, std::int64_t now_ms);
  /// Called once in a while: records how many looks were left out.
  void KeepHouse(std::int64_t now_ms);
  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) { return log_.Last(limit); }

 private:
  void Keep(const AuditRecord& look) MIRROR_EXCLUDES(mutex_, keeping_);
  /// Moves waiting looks into the ring. Returns whether none waits any more.
  bool KeepWaiting(std::int64_t now_ms) MIRROR_REQUIRES(keeping_);
  bool TryKeep(const AuditRecord& look) MIRROR_REQUIRES(keeping_);
  void TellLeftOut(const std::vector<LookRate::LeftOut>& left_out, std::int64_t now_ms)
      MIRROR_EXCLUDES(mutex_);

  LookLog& log_;
  Mutex mutex_;
  LookRate rate_ MIRROR_GUARDED_BY(mutex_);
  Mutex keeping_;
  const std::unique_ptr<WaitingRecords> waiting_ MIRROR_PT_GUARDED_BY(keeping_);
  std::int64_t unkept_ms_ MIRROR_GUARDED_BY(keeping_) = 0;  ///< As in Audit.
};

/// Looks that wait while the catalog cannot be written.
inline constexpr std::size_t kLooksPlaces = 128;

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_LOOKS_H_
