#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_DELIVERIES_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_DELIVERIES_H_

#include <string>

#include "absl/status/status.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/mariadb_members.h"
#include "client/exchange/server_deliveries.h"
#include "client/source/mariadb/mariadb_sessions.h"

namespace mirror {

/// Reason why the database rejected a statement, without values. Empty: it did
/// not; the source or the connection failed, or another transaction blocked it.
std::string MariadbRefusal(const absl::Status& status);

struct MariadbDeliveriesOptions {
  MariadbAccess access;
  ExchangeRules rules;
  MariadbMembers::Options members;
  Importer::Clock clock;
};

/// A MariaDB database that takes deliveries, each in one serializable transaction of InnoDB.
///
/// Memory: one row, and rows that foreign keys reach from it. Locks: all rows read for a delivery, until
/// its transaction ends; the whole table if it is searched for matches. A lock that cannot be taken within
/// MariadbAccess::lock_within ends the run. Errors: those of mariadb::Connection::Open() and its own.
class MariadbDeliveries : public ServerDeliveries {
 public:
  explicit MariadbDeliveries(const MariadbDeliveriesOptions& options);

  /// kFailedPrecondition: the source lacks what the exchange needs.
  absl::Status Check() const;

 private:
  const MariadbAccess access_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_DELIVERIES_H_
