#ifndef MIRROR_SERVER_STORE_CATALOG_LOOK_LOG_H_
#define MIRROR_SERVER_STORE_CATALOG_LOOK_LOG_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/audit_chain.h"

namespace mirror {

class CatalogFile;

/// Looks and refusals that are kept; older ones make room.
inline constexpr std::uint64_t kLooksMax = 100'000;

/// Who looked at what, and who was refused, in the catalog beside the audit log: no chain, no signatures, and
/// a ring of its own, so that whoever looks a million times pushes out looks. Errors: kUnavailable. Threads:
/// any.
class LookLog {
 public:
  explicit LookLog(std::shared_ptr<CatalogFile> file, std::uint64_t looks_max = kLooksMax)
      : file_(std::move(file)), looks_max_(looks_max) {}

  /// Its id is set here.
  absl::Status Add(const AuditRecord& look);
  /// The last so many, oldest first; 0: all.
  absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit);

 private:
  const std::shared_ptr<CatalogFile> file_;
  const std::uint64_t looks_max_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_LOOK_LOG_H_
