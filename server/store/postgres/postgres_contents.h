#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_CONTENTS_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_CONTENTS_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/mirror_contents.h"
#include "server/store/postgres/place/names.h"

// These functions run inside the caller's transaction.

namespace mirror {

/// See Snapshot::ReadContents. `older` gets the folded names of the tables for which PostgresStored::is_older
/// is set. Errors: also kUnavailable: another mirror took over this mirror's names since the snapshot.
absl::StatusOr<MirrorContents> ReadPostgresContents(postgres::Connection& connection,
                                                    const PostgresOwnTables& names,
                                                    std::set<std::string>* older);

/// Writes the contents into a schema that QueueOwnSchema() made, except tables, their definitions and the
/// mirror's own indexes. Ids that are assigned later are greater than all ids in the contents.
absl::Status WritePostgresContents(postgres::Connection& connection, const PostgresOwnTables& names,
                                   const MirrorContents& contents);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_CONTENTS_H_
