#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_FILES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_FILES_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// Whether what is committed through the connection can be found again: the paths lead to the files that are
/// open, and the disk keeps what is written to them. A log that has lost its name is copied into the file
/// first.
///   kUnavailable  another file or log, or none, is there; or a reader keeps the log from being copied
///   kDataLoss     pages are lost, or what was committed may be
absl::Status CheckFiles(SqliteConnection& connection);

/// Why SqliteConnection::EmptyLog() was false just now, where no other log stands in its place.
struct LogStays {
  std::string why;     ///< "a reader holds ...", or whoever holds the write lock.
  std::string remedy;  ///< "End that reader".
};
LogStays WhyLogStays(const SqliteConnection& connection);

/// OK: nothing of the mirror is outside of its own file. Other programs' locks are waited for as long as
/// `patience`; a write lock that somebody holds then is an error even where the log is empty.
///   kUnavailable  why its log has more, and what to do
///   kDataLoss     pages are lost, or what was committed may be
absl::Status CheckWhole(SqliteConnection& connection, std::chrono::milliseconds patience);

/// The errors themselves.
absl::Status FileReplaced(const SqliteConnection& connection);
absl::Status LostPages(const SqliteConnection& connection);
/// Of a commit that is done.
absl::Status NotKept(const SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_FILES_H_
