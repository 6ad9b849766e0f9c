#ifndef MIRROR_SERVER_STORE_POSTGRES_DURABLE_H_
#define MIRROR_SERVER_STORE_POSTGRES_DURABLE_H_

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"

namespace mirror {

/// Waits until a standby has everything that any session committed before: commits a log message, which
/// leaves no row. Errors: kUnavailable with what is missing.
absl::Status WaitForStandby(postgres::Connection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_DURABLE_H_
