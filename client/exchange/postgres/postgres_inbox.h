#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_INBOX_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_INBOX_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/forget_gone.h"
#include "client/exchange/inbox.h"
#include "client/exchange/ledger_rows.h"
#include "client/exchange/postgres/postgres_members.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// Those of a PostgreSQL database. Errors: those of Connection. Threads: one.
class PostgresInbox : public DeliveryInbox {
 public:
  /// `connection`: one that may write; outlives it.
  PostgresInbox(postgres::Connection& connection, const std::string& schema);

  /// What else is told in the transaction of Fill().
  using Shown = std::function<absl::Status(const FetchedDeliveries& fetched, std::int64_t now_ms)>;
  void set_shown(Shown shown) { shown_ = std::move(shown); }

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
  absl::Status ForgetEach(const PostgresMember* member, const std::vector<WrittenRow>& rows);
  /// Of all of these or of none; null: of all. kValue: one has a key that is none of the table's type.
  absl::Status ForgetTogether(const PostgresMember* member, const std::vector<WrittenRow>& rows);

  postgres::Connection& connection_;
  const std::string exchange_, inbox_, ledger_;  ///< With their schema, quoted.
  Shown shown_;                                  ///< Empty: nothing.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_INBOX_H_
