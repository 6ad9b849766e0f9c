#ifndef MIRROR_SERVER_STORE_CATALOG_LOOK_LOG_H_
#define MIRROR_SERVER_STORE_CATALOG_LOOK_LOG_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/audit_chain.h"

namespace mirror {

/// Looks and refusals that are kept; older ones make room.
inline constexpr std::uint64_t kLooksMax = 100'000;

/// Who looked at what, and who was refused, in the catalog beside the audit log: no chain, no signatures, and
/// a ring of its own, so that whoever looks a million times pushes out looks. Errors: kUnavailable. Threads:
/// any.
class LookLog {
 public:
  virtual ~LookLog() = default;
  /// Its id is set here.
  virtual absl::Status Add(const AuditRecord& look) = 0;
  /// The last so many, oldest first; 0: all.
  virtual absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_LOOK_LOG_H_
