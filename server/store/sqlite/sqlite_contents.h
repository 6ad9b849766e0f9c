#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_CONTENTS_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_CONTENTS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/mirror_contents.h"
#include "server/store/sqlite/file/sqlite_connection.h"

// Inside the caller's transaction.

namespace mirror {

/// See Snapshot::ReadContents.
absl::StatusOr<MirrorContents> ReadSqliteContents(SqliteConnection& connection,
                                                  const std::string& context_id);

/// Into a mirror that has its own tables and nothing in them: all but rows and `own_indexes`.
absl::Status WriteSqliteContents(SqliteConnection& connection, const MirrorContents& contents);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_CONTENTS_H_
