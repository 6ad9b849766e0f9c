#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_TRY_WRITING_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_TRY_WRITING_H_

#include "absl/status/status.h"
#include "base/db/postgres/connection.h"

namespace mirror {

/// Whether rows can be written into a new table of `schema`, which is there; it is taken back. A commit alone
/// does not say so: on a full disk it finds room in a file of the log that is there already. Errors:
/// kUnavailable, in PostgreSQL's words.
absl::Status TryWriting(postgres::Connection& connection, const char* schema);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_TRY_WRITING_H_
