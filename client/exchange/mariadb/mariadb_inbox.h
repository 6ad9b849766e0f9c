#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_INBOX_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_INBOX_H_

#include <memory>

#include "base/db/mariadb/connection.h"
#include "client/exchange/delivery_database.h"

namespace mirror {

/// That of a MariaDB database. `connection`: one that may write; outlives it. Errors: those of Connection.
/// Threads: one.
std::unique_ptr<DeliveryInbox> MakeMariadbInbox(mariadb::Connection& connection);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_INBOX_H_
