#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_COPY_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_COPY_H_

#include <string>

#include "absl/status/status.h"
#include "server/store/snapshot.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// Copies what `from` sees, page by page, into `path`: one file with a rollback journal, closed to group and
/// others, which any SQLite tool reads. It gets its name when all of it is on disk; until then it is
/// `<path>.part-` and six characters, which is removed after an error.
///   kAlreadyExists  `path` is there
///   kUnavailable    the folder or the disk
///   kCancelled      `go_on` said so
absl::Status CopySqliteFile(SqliteConnection& from, const std::string& path, const GoOnCopying& go_on);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_COPY_H_
