#ifndef MIRROR_SERVER_STORE_POSTGRES_DURABLE_H_
#define MIRROR_SERVER_STORE_POSTGRES_DURABLE_H_

#include <string>

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/postgres_place.h"

namespace mirror {

/// Waits until a standby has all that was committed before, by whomever: commits something after it that
/// leaves no row. Errors: kUnavailable with what is missing.
absl::Status WaitForStandby(postgres::Connection& connection);
/// Where what is committed in the place is to stand at a standby, too: why no commit there can be told to be
/// kept, for people. Empty: a standby is named, or nobody can tell now. Of Citus the coordinator is asked.
std::string WhyNotReplicated(PostgresPlace& place);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_DURABLE_H_
