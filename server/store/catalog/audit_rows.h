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

/// What a database does of an audit log, in a transaction that its caller has begun. Errors: the database's.
/// Threads: none.
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

/// An audit log over such rows: how records hang together is the same in every database.
class ChainedAuditLog : public AuditLog {
 public:
  absl::StatusOr<Added> Add(AuditRecord record, const MakeSeal& seal) final;
  absl::StatusOr<std::optional<Added>> Prune(std::uint64_t keep, AuditRecord record,
                                             const MakeSeal& seal) final;
  absl::StatusOr<AuditState> State() final;

 protected:
  using Work = std::function<absl::Status(AuditRows& rows)>;
  /// Does `work` in a transaction of its own; maybe twice.
  virtual absl::Status Write(const Work& work) = 0;
  /// The same of one that adds nothing.
  virtual absl::Status Look(const Work& work) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CATALOG_AUDIT_ROWS_H_
