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

/// Makes the checkpointer append zeros to a mirror's log ahead of small commits, and sync them: a commit's
/// sync takes longer if it also has to allocate space (docs/decisions/0066). SQLite reads zeros as the log's
/// end, as it does the remains of a former log.
///
/// The file gets at most twice as long as its content. Zeros are only appended, which the system does
/// atomically beside other writers, so they never overwrite another's data. Nothing is appended if the disk
/// has less than kFreeMin, nor again after it refused. Threads: the writer's.
class LogGrowth {
 public:
  /// Limits of the zeros that one task appends. A commit in the meantime waits for their sync, too: rare and
  /// long waits are better for other users than frequent short ones.
  static constexpr std::int64_t kStepMin = 1 << 20, kStepMax = 4 << 20;
  /// A commit of more pages is part of a bulk load: its write takes longer than a sync.
  static constexpr int kSmallCommitPages = 64;
  /// Disk space that is left to others.
  static constexpr std::uint64_t kFreeMin = 256 << 20;
  /// Maximum of queued tasks. The other logs are extended later, so that copies have room in the queue.
  static constexpr std::size_t kWaitingMax = 4;

  /// `checkpointer` must outlive this object.
  LogGrowth(Checkpointer& checkpointer, std::string path);

  /// Called after each commit; `pages`: those in the log.
  void Committed(int pages);
  /// Stops until the next commit, so that the log may be truncated. Waits for a task that has begun.
  void End();

 private:
  void Begin(std::int64_t used, std::int64_t bytes);

  Checkpointer& checkpointer_;
  const std::string path_;
  int pages_ = 0;
  std::int64_t length_ = 0;  ///< Length of the file, as last seen.
  std::int64_t asked_ = 0;   ///< Length that the task extends it to.
  bool refused_ = false;     ///< The last task failed to append everything.
  std::optional<Checkpointer::Task> task_;
};

/// Appends zeros until the file has `bytes`, and syncs them. Does nothing to a file shorter than `used`:
/// it is another file, or was truncated since. Returns the file's final length; 0:
/// nothing was done.
std::int64_t GrowLog(const std::string& path, std::int64_t used, std::int64_t bytes);

/// Keeps the log of a mirror short, and extends it ahead of small commits (LogGrowth). From kLogPages on,
/// the checkpointer copies the log into the file while the mirror is written to. The writer copies the last
/// pages, a log of kLongLogPages that is still not copied, and every log if there is no checkpointer.
/// Threads: the writer's.
class SqliteLog {
 public:
  /// Pages of the log, of 4 KiB, at which the checkpointer copies it, so that a bulk load rarely waits for
  /// that; and those at which the writer does wait.
  static constexpr int kLogPages = 8'000;
  static constexpr int kLongLogPages = 4 * kLogPages;

  /// `writer` must outlive this object. `open_beside` opens another connection to the same file and log, for
  /// the checkpointer; it returns null if that is impossible now. `checkpointer` may be null.
  SqliteLog(sqlite3* writer, Checkpointer* checkpointer, std::function<sqlite3*()> open_beside);
  ~SqliteLog();
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  /// Called after each commit.
  void Committed();
  /// Copies the whole log and truncates it, unless a reader needs it; waits as long as the writer's busy
  /// timeout. True: all of it is in the file, and on disk.
  bool Empty();
  /// Stops copying, and closes the other connection, until the next commit. The log may still be extended.
  void Leave();
  /// Whether the disk lost copied pages: the file may lack them, whatever later attempts report.
  bool failed() const { return failed_; }
  /// Returns SQLite's extended code for the writer's last copy. SQLITE_OK and SQLITE_BUSY also occur if a
  /// reader prevents the truncation of the log.
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
  std::optional<LogGrowth> growth_;  ///< Absent without a checkpointer.
  bool failed_ = false;
  int code_ = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LOG_H_
