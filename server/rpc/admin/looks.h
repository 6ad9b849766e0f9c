#ifndef MIRROR_SERVER_RPC_ADMIN_LOOKS_H_
#define MIRROR_SERVER_RPC_ADMIN_LOOKS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/rpc/admin/look_rate.h"
#include "server/rpc/admin/waiting_records.h"
#include "server/store/catalog/look_log.h"

namespace mirror {

/// Calls on the operators' listener that change nothing: who looked, and whose call was refused for want of a
/// role. They are no part of the audit log: whoever may only look must be able neither to push out of it what
/// operators did, nor to fill the disk. Written to the log and kept in a ring, each at LookRate's rate.
/// While the catalog cannot be written, kLooksPlaces wait in a file. What finds no place there is counted,
/// and a look of the server's own says how many. Threads: any.
class Looks {
 public:
  /// `path`: of the file where looks wait.
  Looks(LookLog& log, const std::string& path, const LookRate::Options& rate = {});

  /// As Audit::Add().
  void Add(const std::string& who, const std::string& call, const absl::Status& outcome, std::int64_t now_ms);
  /// Once in a while: says how many were left out.
  void KeepHouse(std::int64_t now_ms);
  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) { return log_.Last(limit); }

 private:
  void Keep(const AuditRecord& look) MIRROR_EXCLUDES(mutex_, keeping_);
  /// Whether nothing waits any more.
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
