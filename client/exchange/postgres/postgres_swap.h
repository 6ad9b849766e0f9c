#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_SWAP_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_SWAP_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "base/db/postgres/transaction.h"
#include "client/exchange/postgres/postgres_members.h"
#include "client/exchange/server_swap.h"

namespace mirror {

/// See SwapDatabase. Threads: one.
class PostgresSwap : public SwapDatabase {
 public:
  /// All of them outlive it. `database`: whose session `connection` is.
  PostgresSwap(postgres::Connection& connection, PostgresMembers& members, DeliveryDatabase& database)
      : connection_(connection), members_(members), database_(database) {}

  bool IsTaken(const absl::Status& status) const override;
  absl::Status Begin() override;
  absl::Status End() override;
  absl::Status TakeBack() override;
  /// Constraints that are DEFERRABLE are to wait for End().
  bool is_open() const { return savepoint_.has_value(); }
  /// The transaction has ended.
  void Forget() { savepoint_.reset(); }

  absl::StatusOr<std::vector<UniqueColumns>> FindUnique(const ServerMember& member) override;
  absl::StatusOr<std::vector<RowOf>> FindKeys(const ServerMember& member, const UniqueColumns& unique,
                                              const RowOf& values) override;
  absl::StatusOr<bool> SetToNull(const DeliveryTask& task, const ServerMember& member,
                                 const std::set<std::uint32_t>& columns) override;

 private:
  postgres::Connection& connection_;
  PostgresMembers& members_;
  DeliveryDatabase& database_;
  std::optional<postgres::Savepoint> savepoint_;  ///< From Begin() to End().
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_SWAP_H_
