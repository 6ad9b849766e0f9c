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
///   stage          one row: who wrote the log, how far it was staged, and which process stages
///   marks          a row for each position that may be sent
///   transactions   a row for each transaction that not every snapshot sees
///   tables         a row for each table
///   net_<id>       a row for each key of a table: what happened to it
///
/// Threads: any. Errors: those of Stage.
class StageFile : public std::enable_shared_from_this<StageFile> {
 public:
  /// Made with mode 0600 when it is not there.
  static absl::StatusOr<std::shared_ptr<StageFile>> Open(const std::string& path);
  StageFile(const StageFile&) = delete;
  StageFile& operator=(const StageFile&) = delete;

  const std::string& path() const { return path_; }
  /// Whether another file, or none, stands at the path now.
  bool IsReplaced() const;
  /// Of SQLite's log beside it.
  std::int64_t LogBytes() const;

  absl::StatusOr<std::unique_ptr<sqlite::Connection>> ConnectToWrite() const;
  using Reading = std::shared_ptr<sqlite::Connection>;
  /// A connection that cannot write. It is lent: what was begun on it ends with it.
  absl::StatusOr<Reading> Read();
  /// One with an empty database "scratch" beside the stage's, in a file without a name, which it can write.
  absl::StatusOr<std::unique_ptr<sqlite::Connection>> ConnectWithScratch() const;

 private:
  explicit StageFile(std::string path) : path_(std::move(path)) {}
  absl::Status Make() const;
  absl::StatusOr<std::unique_ptr<sqlite::Connection>> Connect() const;
  void TakeBack(std::unique_ptr<sqlite::Connection> connection);

  const std::string path_;
  /// Of the file that was opened.
  std::uint64_t device_ = 0, inode_ = 0;
  Mutex mutex_;
  std::vector<std::unique_ptr<sqlite::Connection>> free_ MIRROR_GUARDED_BY(mutex_);
};

/// The table with a staged table's rows, as its name stands in statements; `suffix` of an index.
std::string NetName(std::int64_t table, std::string_view suffix = "");

/// The stage's file, whichever stands at its path. Threads: any.
class StagePlace {
 public:
  explicit StagePlace(std::string path) : path_(std::move(path)) {}

  /// One that was removed or replaced meanwhile is opened, or made, anew.
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
