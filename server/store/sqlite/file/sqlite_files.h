#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_FILES_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_FILES_H_

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "server/store/sqlite/file/sqlite_connection.h"

namespace mirror {

/// Checks that commits through the connection can be found later: the paths name the open files, and the disk
/// keeps what is written to them. If the log has lost its name, first copies it into the file.
///   kUnavailable  the paths name another file or log, or none; or a reader prevents the copy of the log
///   kDataLoss     pages are lost, or commits may be
absl::Status CheckFiles(SqliteConnection& connection);

/// The reason why SqliteConnection::EmptyLog() just returned false, if its path has no other log.
struct LogStays {
  std::string why;     ///< "a reader holds ...", or the holder of the write lock.
  std::string remedy;  ///< "End that reader".
};
LogStays WhyLogStays(const SqliteConnection& connection);

/// Checks that the whole mirror is in its own file. Waits for other programs' locks as long as `patience`. A
/// write lock that is held after that is an error, even if the log is empty.
///   kUnavailable  the log has more than the file; the message has the reason and what to do
///   kDataLoss     pages are lost, or commits may be
absl::Status CheckWhole(SqliteConnection& connection, std::chrono::milliseconds patience);

/// These two return errors of CheckFiles() and CheckWhole().
absl::Status FileReplaced(const SqliteConnection& connection);
absl::Status LostPages(const SqliteConnection& connection);
/// Returns the error for a commit that was done but may not be durable.
absl::Status NotKept(const SqliteConnection& connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_FILES_H_
