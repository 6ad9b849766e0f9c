#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_CONTENTS_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_CONTENTS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/mirror_contents.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// These functions run inside the caller's transaction.

namespace mirror {

/// Reads the contents. See Snapshot::ReadContents.
absl::StatusOr<MirrorContents> ReadSqliteContents(SqliteConnection& connection,
                                                  const std::string& context_id);

/// Writes everything except rows and `own_indexes` into a mirror. Its own tables exist and are empty.
absl::Status WriteSqliteContents(SqliteConnection& connection, const MirrorContents& contents);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_CONTENTS_H_
