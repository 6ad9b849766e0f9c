#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_SWAP_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_SWAP_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/exchange/mariadb/mariadb_members.h"
#include "client/exchange/server_swap.h"

namespace mirror {

/// See SwapDatabase: no constraint of MariaDB waits. Threads: one.
class MariadbSwap : public SwapDatabase {
 public:
  /// All of them outlive it.
  MariadbSwap(mariadb::Connection& connection, MariadbMembers& members)
      : connection_(connection), members_(members) {}

  bool IsTaken(const absl::Status& status) const override;
  absl::Status Begin() override;
  absl::Status End() override { return absl::OkStatus(); }
  absl::Status TakeBack() override;

  /// Without those over the first characters of a column.
  absl::StatusOr<std::vector<UniqueColumns>> FindUnique(const ServerMember& member) override;
  absl::StatusOr<std::vector<RowOf>> FindKeys(const ServerMember& member, const UniqueColumns& unique,
                                              const RowOf& values) override;
  absl::StatusOr<bool> SetToNull(const DeliveryTask& task, const ServerMember& member,
                                 const std::set<std::uint32_t>& columns) override;

 private:
  /// Rows that statements of this session wrote, those of triggers, too.
  absl::StatusOr<std::int64_t> CountWritten();

  mariadb::Connection& connection_;
  MariadbMembers& members_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_SWAP_H_
