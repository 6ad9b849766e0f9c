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
#include "client/exchange/postgres/postgres_inbox.h"
#include "client/exchange/postgres/postgres_members.h"
#include "client/exchange/server_swap.h"

namespace mirror {

/// See SwapDatabase. Threads: one.
class PostgresSwap : public SwapDatabase {
 public:
  /// All of them outlive it. `database`: whose session `connection` is.
  PostgresSwap(postgres::Connection& connection, PostgresMembers& members, PostgresInbox& inbox,
               DeliveryDatabase& database)
      : connection_(connection), members_(members), inbox_(inbox), database_(database) {}

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
  absl::StatusOr<std::optional<v1::Delivery>> FindInInbox(const std::string& delivery_id) override {
    return inbox_.Find(delivery_id);
  }

 private:
  postgres::Connection& connection_;
  PostgresMembers& members_;
  PostgresInbox& inbox_;
  DeliveryDatabase& database_;
  std::optional<postgres::Savepoint> savepoint_;  ///< From Begin() to End().
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_SWAP_H_
