#ifndef MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_SWAP_H_
#define MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_SWAP_H_

#include <memory>

#include "base/db/mariadb/connection.h"
#include "client/exchange/mariadb/mariadb_members.h"
#include "client/exchange/server_swap.h"

namespace mirror {

/// That of a MariaDB database. All of them outlive it. Threads: one.
std::unique_ptr<SwapDatabase> MakeMariadbSwap(mariadb::Connection& connection, MariadbMembers& members);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_MARIADB_MARIADB_SWAP_H_
