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

/// The records of the audit log in the catalog. They form a hash chain. After Add() returns, the record
/// survives kill -9 and a power failure. Errors: kUnavailable, with the database's message. Threads: any.
class AuditLog {
 public:
  /// Makes the text of a seal for a record with time `time_ms` that follows `last`.
  using MakeSeal = std::function<absl::StatusOr<std::string>(const AuditPoint& last, std::int64_t time_ms)>;

  struct Added {
    AuditPoint before;  ///< The end of the chain before the record was added.
    AuditPoint now;
  };

  virtual ~AuditLog() = default;
  /// Appends `record`. Sets its id and hash, and its time if that is 0.
  virtual absl::StatusOr<Added> Add(AuditRecord record, const MakeSeal& seal = {}) = 0;
  /// Removes all but the last `keep` records, and adds `record`, which reports the removal. `seal` signs for
  /// the last removed record. Absent: there were at most `keep` records, and nothing changed.
  virtual absl::StatusOr<std::optional<Added>> Prune(std::uint64_t keep, AuditRecord record,
                                                     const MakeSeal& seal) = 0;
  /// Returns both ends of the chain of kept records. Does not set `sealed`, which is stored elsewhere.
  virtual absl::StatusOr<AuditState> State() = 0;
  /// Returns true if other servers also add to this chain and `point` is in it, or was pruned from it. Then
  /// records after `point` may be those of other servers.
  virtual absl::StatusOr<bool> Holds(const AuditPoint& point) = 0;
  /// Returns the records after `after_id`, oldest first, at most `limit`.
  virtual absl::StatusOr<std::vector<AuditRecord>> After(std::uint64_t after_id, std::uint32_t limit) = 0;
};

/// Maximum number of kept looks and refusals. The oldest are removed first.
inline constexpr std::uint64_t kLooksMax = 100'000;

/// The log of read-only calls (looks) and of refused calls, beside the audit log in the catalog. It has no
/// chain and no signatures. Its size limit is its own, so a client that reads a million times removes only
/// looks. Errors: kUnavailable. Threads: any.
class LookLog {
 public:
  virtual ~LookLog() = default;
  /// Adds `look` and gives it the next id.
  virtual absl::Status Add(const AuditRecord& look) = 0;
  /// Returns the last `limit` records, oldest first; 0: all.
  virtual absl::StatusOr<std::vector<AuditRecord>> Last(std::uint64_t limit) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_AUDIT_LOG_H_
