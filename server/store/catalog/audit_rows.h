#ifndef MIRROR_SERVER_STORE_CATALOG_AUDIT_ROWS_H_
#define MIRROR_SERVER_STORE_CATALOG_AUDIT_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "certs/audit_chain.h"
#include "server/store/catalog/audit_log.h"

namespace mirror {

/// What a database does of an audit log, in a transaction that its caller has begun. How records hang
/// together is for the functions below. Errors: the database's. Threads: none.
class AuditRows {
 public:
  virtual ~AuditRows() = default;

  /// Where the kept records begin.
  virtual absl::StatusOr<AuditPoint> Before() = 0;
  /// The last record; without one `before`.
  virtual absl::StatusOr<AuditPoint> Last(AuditPoint before) = 0;
  /// Absent: there is no such record.
  virtual absl::StatusOr<std::optional<std::string>> HashOf(std::uint64_t id) = 0;
  virtual absl::Status Insert(const AuditRecord& record) = 0;
  /// The kept records begin behind `cut`.
  virtual absl::Status CutAt(const AuditPoint& cut) = 0;
};

/// See AuditLog for each.
absl::StatusOr<AuditLog::Added> AddToChain(AuditRows& rows, AuditRecord record,
                                           const AuditLog::MakeSeal& seal);
absl::StatusOr<std::optional<AuditLog::Added>> PruneChain(AuditRows& rows, std::uint64_t keep,
                                                          AuditRecord record, const AuditLog::MakeSeal& seal);
absl::StatusOr<AuditState> StateOfChain(AuditRows& rows);

/// For transactions, which give a status alone.
template <typename T>
absl::Status Take(absl::StatusOr<T> from, T* to) {
  if (from.ok()) *to = *std::move(from);
  return from.status();
}

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_AUDIT_ROWS_H_
