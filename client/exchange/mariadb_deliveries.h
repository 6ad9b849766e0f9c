#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_DELIVERIES_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_DELIVERIES_H_

#include <string>

#include "absl/status/status.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/mariadb_members.h"
#include "client/exchange/server_deliveries.h"
#include "client/source/mariadb/mariadb_sessions.h"

namespace mirror {

/// Why the database did not do what it was told, without values; empty: it is the source that fails, the
/// connection, or another transaction that was in the way.
std::string MariadbRefusal(const absl::Status& status);

struct MariadbDeliveriesOptions {
  MariadbAccess access;
  ExchangeRules rules;
  MariadbMembers::Options members;
  Importer::Clock clock;
};

/// A MariaDB database that takes deliveries, each in one serializable transaction of InnoDB.
///
/// Memory: one row, and the rows that foreign keys lead to from it. Locks: what is read for a delivery, of a
/// table that is looked through for matches all rows, until its transaction ends; one that is not to be had
/// within MariadbAccess::lock_within ends the run. Errors: those of mariadb::Connection::Open() and its own.
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
