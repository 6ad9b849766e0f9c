#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGE_FILE_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "base/mutex.h"
#include "base/status_macros.h"

namespace mirror {

/// The SQLite file of a stage:
///
///   stage          one row: the writer of the log, how far it was staged, and the process that stages
///   marks          a row for each position that may be sent
///   transactions   a row for each transaction that not every snapshot sees
///   tables         a row for each table
///   net_<id>       a row for each key of a table: its folded changes
///
/// Threads: any. Errors: those of Stage.
class StageFile : public std::enable_shared_from_this<StageFile> {
 public:
  /// Opens the file; creates it with mode 0600 if it is missing.
  static absl::StatusOr<std::shared_ptr<StageFile>> Open(const std::string& path);
  StageFile(const StageFile&) = delete;
  StageFile& operator=(const StageFile&) = delete;

  const std::string& path() const { return path_; }
  /// Whether the path now leads to another file, or to none.
  bool IsReplaced() const;
  /// Size of SQLite's log beside the file.
  std::int64_t LogBytes() const;

  absl::StatusOr<std::unique_ptr<sqlite::Connection>> ConnectToWrite() const;
  using Reading = std::shared_ptr<sqlite::Connection>;
  /// Lends a read-only connection. A transaction begun on it ends when the connection is given back.
  absl::StatusOr<Reading> Read();
  /// Opens a connection with a second, empty and writable database "scratch", in a file without a name.
  absl::StatusOr<std::unique_ptr<sqlite::Connection>> ConnectWithScratch() const;

 private:
  explicit StageFile(std::string path) : path_(std::move(path)) {}
  absl::Status Make() const;
  absl::StatusOr<std::unique_ptr<sqlite::Connection>> Connect() const;
  void TakeBack(std::unique_ptr<sqlite::Connection> connection);

  const std::string path_;
  /// Identity of the opened file.
  std::uint64_t device_ = 0, inode_ = 0;
  Mutex mutex_;
  std::vector<std::unique_ptr<sqlite::Connection>> free_ MIRROR_GUARDED_BY(mutex_);
};

/// Returns the quoted name of the SQL table with a staged table's rows. `suffix`: for the name of an index of
/// it.
std::string NetName(std::int64_t table, std::string_view suffix = "");

/// Gives the stage's file at a path, also after the file was replaced. Threads: any.
class StagePlace {
 public:
  explicit StagePlace(std::string path) : path_(std::move(path)) {}

  /// Opens the file, and creates it if it is missing. Opens it again if it was removed or replaced meanwhile.
  absl::StatusOr<std::shared_ptr<StageFile>> File() {
    const MutexLock lock(mutex_);
    if (file_ != nullptr && !file_->IsReplaced()) return file_;
    absl::StatusOr<std::shared_ptr<StageFile>> opened = StageFile::Open(path_);
    if (opened.ok()) file_ = *opened;
    return opened;
  }
  absl::StatusOr<StageFile::Reading> Read() {
    ASSIGN_OR_RETURN(const std::shared_ptr<StageFile> file, File());
    return (file)->Read();
  }

 private:
  const std::string path_;
  Mutex mutex_;
  std::shared_ptr<StageFile> file_ MIRROR_GUARDED_BY(mutex_);
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_FILE_H_
