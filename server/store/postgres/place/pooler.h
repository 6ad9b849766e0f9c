#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_POOLER_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_POOLER_H_

#include "absl/status/statusor.h"
#include "base/db/postgres/target.h"

namespace mirror {

/// Whether a pooler lends one session of PostgreSQL to several connections in turn, as PgBouncer may:
/// settings and prepared statements then go to others. Opens two connections. Errors: those of the
/// connection.
absl::StatusOr<bool> IsPooled(const postgres::ConnectAs& connect);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_POOLER_H_
