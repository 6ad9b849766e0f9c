#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LOG_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LOG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "server/store/sqlite/file/sqlite_checkpointer.h"

struct sqlite3;

namespace mirror {

/// Lets the checkpointer append zeros to a mirror's log ahead of small commits, and sync them. A commit's
/// sync takes longer if it also has to allocate space (docs/decisions/0066). SQLite reads zeros as the end of
/// the log, as it does with the remains of a former log.
///
/// The file becomes at most twice as long as its content. Zeros are only appended, so they never overwrite
/// other data: the system appends atomically, even if others write. Nothing is appended if the disk has less
/// than kFreeMin free, or after the disk refused once. Threads: the writer's.
class LogGrowth {
 public:
  /// Limits of the zeros that one task appends, in bytes. A commit meanwhile also waits for the sync of these
  /// zeros. Rare long waits are better for other users than frequent short ones.
  static constexpr std::int64_t kStepMin = 1 << 20, kStepMax = 4 << 20;
  /// A commit of more pages belongs to a bulk load. Its write takes longer than a sync.
  static constexpr int kSmallCommitPages = 64;
  /// Free disk space that is left to others.
  static constexpr std::uint64_t kFreeMin = 256 << 20;
  /// Maximum number of queued tasks. Other logs are extended later, so that copies have room in the queue.
  static constexpr std::size_t kWaitingMax = 4;

  /// `checkpointer` must outlive this object.
  LogGrowth(Checkpointer& checkpointer, std::string path);

  /// Called after each commit. `pages`: the number of pages in the log.
  void Committed(int pages);
  /// Stops until the next commit, so that the log may be truncated. Waits for a task that has begun.
  void End();

 private:
  void Begin(std::int64_t used, std::int64_t bytes);

  Checkpointer& checkpointer_;
  const std::string path_;
  int pages_ = 0;
  std::int64_t length_ = 0;  ///< The last known length of the file.
  std::int64_t asked_ = 0;   ///< The length to which the task extends the file.
  bool refused_ = false;     ///< The last task did not append everything.
  std::optional<Checkpointer::Task> task_;
};

/// Appends zeros until the file has `bytes` bytes, and syncs them. Does nothing if the file is shorter than
/// `used`: then it is another file, or was truncated. Returns the final length of the file; 0: nothing was
/// done.
std::int64_t GrowLog(const std::string& path, std::int64_t used, std::int64_t bytes);

/// Keeps the log of a mirror short, and extends it ahead of small commits (LogGrowth). From kLogPages on, the
/// checkpointer copies the log into the file, while the writer continues. The writer copies the last pages.
/// It also copies a log that reached kLongLogPages and is still not copied. Without a checkpointer it copies
/// every log. Threads: the writer's.
class SqliteLog {
 public:
  /// Numbers of pages (4 KiB) in the log. At the first the checkpointer copies the log, so that a bulk load
  /// rarely waits for that. At the second the writer waits for the copy.
  static constexpr int kLogPages = 8'000;
  static constexpr int kLongLogPages = 4 * kLogPages;

  /// `writer` must outlive this object. `open_beside` opens another connection to the same file and log, for
  /// the checkpointer. It returns null if that is impossible now. `checkpointer` may be null.
  SqliteLog(sqlite3* writer, Checkpointer* checkpointer, std::function<sqlite3*()> open_beside);
  ~SqliteLog();
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  /// Called after each commit.
  void Committed();
  /// Copies the whole log and truncates it, unless a reader needs it. Waits at most as long as the writer's
  /// busy timeout. True: all of the log is in the file and on disk.
  bool Empty();
  /// Stops copying and closes the other connection, until the next commit. LogGrowth may still extend the
  /// log.
  void Leave();
  /// Returns whether the disk lost copied pages. Then the file may lack them, whatever later attempts return.
  bool failed() const { return failed_; }
  /// Returns SQLite's extended code of the writer's last copy. It can be SQLITE_OK or SQLITE_BUSY if a reader
  /// prevents the truncation of the log.
  int code() const { return code_; }

 private:
  void CopyBeside();
  bool CopyAll(int how);
  void NoteFailure(int code);

  sqlite3* const writer_;
  Checkpointer* const checkpointer_;
  const std::function<sqlite3*()> open_beside_;
  int pages_ = 0;
  sqlite3* beside_ = nullptr;
  std::optional<Checkpointer::Task> copy_;
  std::optional<LogGrowth> growth_;  ///< Absent: there is no checkpointer.
  bool failed_ = false;
  int code_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LOG_H_
