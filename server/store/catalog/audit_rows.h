#ifndef MIRROR_SERVER_STORE_CATALOG_AUDIT_ROWS_H_
#define MIRROR_SERVER_STORE_CATALOG_AUDIT_ROWS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/audit_chain.h"
#include "server/store/catalog/audit_log.h"

namespace mirror {

/// The operations on the audit log's rows that differ between databases. The caller has begun a transaction.
/// Errors: those of the database. Threads: none.
class AuditRows {
 public:
  virtual ~AuditRows() = default;

  /// Returns the point after which the kept records begin.
  virtual absl::StatusOr<AuditPoint> Before() = 0;
  /// Returns the last record's point, or `before` if there is no record.
  virtual absl::StatusOr<AuditPoint> Last(AuditPoint before) = 0;
  /// Returns the hash of record `id`. Absent: there is no such record.
  virtual absl::StatusOr<std::optional<std::string>> HashOf(std::uint64_t id) = 0;
  virtual absl::Status Insert(const AuditRecord& record) = 0;
  /// Removes the records up to `cut`, and stores that the kept records begin after it.
  virtual absl::Status CutAt(const AuditPoint& cut) = 0;
};

/// An audit log that keeps its records by AuditRows. The rules of the chain are the same for every database.
class ChainedAuditLog : public AuditLog {
 public:
  absl::StatusOr<Added> Add(AuditRecord record, const MakeSeal& seal) final;
  absl::StatusOr<std::optional<Added>> Prune(std::uint64_t keep, AuditRecord record,
                                             const MakeSeal& seal) final;
  absl::StatusOr<AuditState> State() final;

 protected:
  using Work = std::function<absl::Status(AuditRows& rows)>;
  /// Runs `work` in a transaction of its own. May run `work` twice.
  virtual absl::Status Write(const Work& work) = 0;
  /// Runs `work`, which only reads. May run `work` twice.
  virtual absl::Status Look(const Work& work) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_AUDIT_ROWS_H_
