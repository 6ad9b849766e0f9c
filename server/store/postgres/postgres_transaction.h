#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_TRANSACTION_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_TRANSACTION_H_

#include <memory>

#include "server/store/postgres/postgres_mirror.h"
#include "server/store/store_transaction.h"

namespace mirror {

/// `mirror` must outlive the result.
std::unique_ptr<StoreTransaction> MakePostgresTransaction(PostgresMirror& mirror);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_TRANSACTION_H_
