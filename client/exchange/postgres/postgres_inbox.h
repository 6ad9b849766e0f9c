#ifndef MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_INBOX_H_
#define MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_INBOX_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "client/exchange/delivery_database.h"

namespace mirror {

/// What else is told in the transaction of Fill(); empty: nothing.
using ShownInPostgres = std::function<absl::Status(const FetchedDeliveries& fetched, std::int64_t now_ms)>;

/// That of a PostgreSQL database. `connection`: one that may write; outlives it. Errors: those of Connection.
/// Threads: one.
std::unique_ptr<DeliveryInbox> MakePostgresInbox(postgres::Connection& connection, const std::string& schema,
                                                 ShownInPostgres shown);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_POSTGRES_POSTGRES_INBOX_H_
