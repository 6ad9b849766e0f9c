#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_INBOX_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_INBOX_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/inbox.h"
#include "client/exchange/ledger_rows.h"
#include "client/exchange/postgres/postgres_members.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// What inbox.h and ledger_rows.h say, of a PostgreSQL database. Errors: those of Connection. Threads: one.
class PostgresInbox {
 public:
  /// `connection`: one that may write; outlives it.
  PostgresInbox(postgres::Connection& connection, const std::string& schema);

  absl::Status Empty();
  /// `shown`: what else is told in this transaction; empty: nothing.
  absl::Status Fill(const FetchedDeliveries& fetched, std::int64_t now_ms,
                    const std::function<absl::Status()>& shown = nullptr);
  absl::StatusOr<std::vector<v1::Delivery>> Read();
  /// Of which the ledger tells what was written into them.
  absl::StatusOr<std::vector<std::string>> TablesWithValues();
  /// See forget_gone.h, of one of these; null: the table is not there.
  absl::Status ForgetValuesOfGone(const std::string& table, const PostgresMember* member);

  // In a transaction.
  absl::Status Remove(const std::string& delivery_id);
  absl::StatusOr<std::optional<LedgerState>> FindInLedger(const std::string& delivery_id);
  absl::Status WriteLedger(const LedgerRow& row);

 private:
  postgres::Connection& connection_;
  const std::string exchange_, inbox_, ledger_;  ///< With their schema, quoted.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_INBOX_H_
