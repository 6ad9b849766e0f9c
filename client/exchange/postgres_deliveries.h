#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_DELIVERIES_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_DELIVERIES_H_

#include <string>

#include "absl/status/status.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/inbox.h"
#include "client/exchange/postgres_members.h"
#include "client/exchange/server_deliveries.h"
#include "client/source/postgres/postgres_sessions.h"

namespace mirror {

struct PostgresDeliveriesOptions {
  PostgresAccess access;
  ExchangeRules rules;
  PostgresMembers::Options members;
  Importer::Clock clock;
  MakeInboxLayout layout = nullptr;  ///< Notified within the transactions.
};

/// A PostgreSQL database that takes deliveries. An INSERT runs in a serializable
/// transaction. Other deliveries run in one snapshot with their row locked.
///
/// Memory: one row, the rows that its foreign keys reach or triggers change, and
/// what PostgresMatchSet needs. Locks: the delivery's row, and the definition
/// of its table. A lock that cannot be taken within PostgresAccess::lock_within
/// ends the run. Errors: those of Connection::Open() and of this class.
class PostgresDeliveries : public ServerDeliveries {
 public:
  explicit PostgresDeliveries(const PostgresDeliveriesOptions& options);

  /// kFailedPrecondition: the source lacks what the exchange needs.
  absl::Status Check() const;

 private:
  const PostgresAccess access_;
  const std::string schema_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_DELIVERIES_H_
