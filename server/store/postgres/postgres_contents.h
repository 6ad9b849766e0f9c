#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_CONTENTS_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_CONTENTS_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/mirror_contents.h"
#include "server/store/postgres/place/names.h"

// Inside the caller's transaction.

namespace mirror {

/// See Snapshot::ReadContents. `older` gets the folded names of tables that are PostgresStored::is_older.
/// Errors: kUnavailable, too: another mirror took this one's names since the snapshot.
absl::StatusOr<MirrorContents> ReadPostgresContents(postgres::Connection& connection,
                                                    const PostgresOwnTables& names,
                                                    std::set<std::string>* older);

/// Into a schema that QueueOwnSchema() made: all but tables, their definitions and own indexes. Ids that it
/// gives from then on are greater than all that the contents have.
absl::Status WritePostgresContents(postgres::Connection& connection, const PostgresOwnTables& names,
                                   const MirrorContents& contents);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_CONTENTS_H_
