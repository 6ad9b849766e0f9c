#ifndef MIRROR_SERVER_RPC_ADMIN_LOOKS_H_
#define MIRROR_SERVER_RPC_ADMIN_LOOKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/rpc/admin/look_rate.h"
#include "server/store/catalog/look_log.h"

namespace mirror {

/// Calls on the operators' listener that change nothing: who looked, and whose call was refused for want of a
/// role. They are no part of the audit log: whoever may only look must be able neither to push out of it what
/// operators did, nor to fill the disk. Written to the log and kept in a ring, each at LookRate's rate.
/// Threads: any.
class Looks {
 public:
  explicit Looks(LookLog& log, const LookRate::Options& rate = {}) : log_(log), rate_(rate) {}

  /// As Audit::Add().
  void Add(const std::string& who, const std::string& call, const absl::Status& outcome, std::int64_t now_ms);
  /// Once in a while: says how many were left out.
  void KeepHouse(std::int64_t now_ms);
  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) { return log_.Last(limit); }

 private:
  void Keep(const AuditRecord& look) MIRROR_EXCLUDES(mutex_);
  void TellLeftOut(const std::vector<LookRate::LeftOut>& left_out, std::int64_t now_ms)
      MIRROR_EXCLUDES(mutex_);

  LookLog& log_;
  Mutex mutex_;
  LookRate rate_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_LOOKS_H_
