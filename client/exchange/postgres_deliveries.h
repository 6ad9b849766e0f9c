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
  MakeInboxLayout layout = nullptr;  ///< What else is told in the transactions.
};

/// A PostgreSQL database that takes deliveries: an INSERT in a serializable transaction, others in one
/// snapshot with their row locked.
///
/// Memory: one row, the rows that foreign keys lead to from it or triggers change, and what PostgresMatchSet
/// needs. Locks: of the delivery's row, and against changes of the definition of its table; one that is not
/// to be had within PostgresAccess::lock_within ends the run. Errors: those of Connection::Open() and its
/// own.
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
