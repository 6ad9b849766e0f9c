#ifndef MIRROR_SERVER_STORE_CATALOG_AUDIT_LOG_H_
#define MIRROR_SERVER_STORE_CATALOG_AUDIT_LOG_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/audit_chain.h"

namespace mirror {

/// The audit log's records in the catalog, as a chain. What it has kept outlives kill -9 and the power.
/// Errors: kUnavailable, with what the database said. Threads: any.
class AuditLog {
 public:
  /// Makes the text of a seal, for a record at `time_ms` behind `last`.
  using MakeSeal = std::function<absl::StatusOr<std::string>(const AuditPoint& last, std::int64_t time_ms)>;

  struct Added {
    AuditPoint before;  ///< What it was added behind.
    AuditPoint now;
  };

  virtual ~AuditLog() = default;
  /// Its id and hash are set here, and its time unless it is set.
  virtual absl::StatusOr<Added> Add(AuditRecord record, const MakeSeal& seal = {}) = 0;
  /// Removes all but the last `keep` records, and adds one that says so, sealed by `seal` for the last that
  /// was removed. Absent: there were no more.
  virtual absl::StatusOr<std::optional<Added>> Prune(std::uint64_t keep, AuditRecord record,
                                                     const MakeSeal& seal) = 0;
  /// `sealed` is not set: it is kept elsewhere.
  virtual absl::StatusOr<AuditState> State() = 0;
  /// Other servers add to this chain, too, and `point` is its begin, still in it, or pruned since: what
  /// stands behind it may be theirs.
  virtual absl::StatusOr<bool> Holds(const AuditPoint& point) = 0;
  /// Those after `after_id`, oldest first.
  virtual absl::StatusOr<std::vector<AuditRecord>> After(std::uint64_t after_id, std::uint32_t limit) = 0;
};

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

#endif  // MIRROR_SERVER_STORE_CATALOG_AUDIT_LOG_H_
