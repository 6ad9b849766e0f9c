#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_FILES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_FILES_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// Checks that commits through the connection can be found again: the paths lead to the open
/// files, and the disk keeps what is written to them. First copies a log that has lost its name
/// into the file.
///   kUnavailable  the paths have another file or log, or none; or a reader prevents the copy of the log
///   kDataLoss     pages are lost, or commits may be
absl::Status CheckFiles(SqliteConnection& connection);

/// The reason why SqliteConnection::EmptyLog() returned false just now, if no other log is at its path.
struct LogStays {
  std::string why;     ///< "a reader holds ...", or the holder of the write lock.
  std::string remedy;  ///< "End that reader".
};
LogStays WhyLogStays(const SqliteConnection& connection);

/// OK: the whole mirror is in its own file. Waits for other programs' locks as long as `patience`. A write
/// lock held after that is an error even if the log is empty.
///   kUnavailable  the reason why its log has more, and what to do
///   kDataLoss     pages are lost, or commits may be
absl::Status CheckWhole(SqliteConnection& connection, std::chrono::milliseconds patience);

/// The errors of CheckFiles() and CheckWhole().
absl::Status FileReplaced(const SqliteConnection& connection);
absl::Status LostPages(const SqliteConnection& connection);
/// The error after a commit that was done but may not be durable.
absl::Status NotKept(const SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_FILES_H_
