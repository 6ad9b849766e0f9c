#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_INBOX_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_INBOX_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/mariadb/connection.h"
#include "client/exchange/forget_gone.h"
#include "client/exchange/inbox.h"
#include "client/exchange/ledger_rows.h"
#include "client/exchange/mariadb/mariadb_members.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// Those of a MariaDB database. Errors: those of Connection. Threads: one.
class MariadbInbox : public DeliveryInbox {
 public:
  /// `connection`: one that may write; outlives it.
  explicit MariadbInbox(mariadb::Connection& connection) : connection_(connection) {}

  absl::Status Empty() override;
  absl::Status Fill(const FetchedDeliveries& fetched, std::int64_t now_ms) override;
  absl::StatusOr<std::vector<v1::Delivery>> Read() override;
  absl::StatusOr<WrittenRows> ReadWrittenRows(std::int64_t now_ms) override;
  absl::Status ForgetValuesOfGone(const ServerMember* member, const std::vector<WrittenRow>& rows) override;

  absl::Status Remove(const std::string& delivery_id) override;
  absl::StatusOr<std::optional<v1::Delivery>> Find(const std::string& delivery_id) override;
  absl::StatusOr<std::optional<LedgerState>> FindInLedger(const std::string& delivery_id) override;
  absl::Status WriteLedger(const LedgerRow& row) override;

 private:
  absl::Status PutIn(const FetchedDeliveries& fetched);
  absl::Status Forget(bool whole, std::int64_t now_ms);
  /// Adds ids, quoted.
  absl::Status FindGone(const std::string& selects, std::vector<std::string>* gone);

  mariadb::Connection& connection_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_INBOX_H_
