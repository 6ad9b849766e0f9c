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

/// Has the checkpointer append zeros to a mirror's log ahead of small commits, and sync them: a commit's sync
/// that has to find room for what it writes takes longer (docs/decisions/0066). SQLite takes zeros for the
/// log's end, as it does what a former log has left.
///
/// The file gets at most twice as long as what is in it. Zeros are appended alone, which the system does in
/// one piece with whoever else writes, and so they never cover what another has written. Nothing is appended
/// where the disk has less than kFreeMin, nor again where it refused. Threads: the writer's.
class LogGrowth {
 public:
  /// Of zeros, in one task. A commit that comes meanwhile waits for their sync, too: seldom and long is
  /// better for all others than often and short.
  static constexpr std::int64_t kStepMin = 1 << 20, kStepMax = 4 << 20;
  /// A commit of more pages is a bulk load's: it writes more than a sync costs.
  static constexpr int kSmallCommitPages = 64;
  /// Left to others.
  static constexpr std::uint64_t kFreeMin = 256 << 20;
  /// Tasks that wait: those of more logs find zeros later, and copies find room.
  static constexpr std::size_t kWaitingMax = 4;

  /// `checkpointer` outlives this.
  LogGrowth(Checkpointer& checkpointer, std::string path);

  /// Behind each commit; `pages` are in the log.
  void Committed(int pages);
  /// Nothing is appended until the next commit; the log may be truncated. Waits for a task that has begun.
  void End();

 private:
  void Begin(std::int64_t used, std::int64_t bytes);

  Checkpointer& checkpointer_;
  const std::string path_;
  int pages_ = 0;
  std::int64_t length_ = 0;  ///< Of the file, as far as it was looked at.
  std::int64_t asked_ = 0;   ///< What the task makes of it.
  bool refused_ = false;     ///< Not all was appended, for whatever reason.
  std::optional<Checkpointer::Task> task_;
};

/// Appends zeros until the file has `bytes`, and syncs them. Nothing is done to a file that is shorter than
/// `used`: it is another one, or was truncated since. Gives the file's length at the end; 0: nothing was
/// done.
std::int64_t GrowLog(const std::string& path, std::int64_t used, std::int64_t bytes);

/// Keeps the log of a mirror short, and ahead of small commits (LogGrowth): from kLogPages on it is copied
/// into the file by the checkpointer, while the mirror is written to. The writer copies the last pages, a log
/// of kLongLogPages that nobody else has copied by then, and every one where there is no checkpointer.
/// Threads: the writer's.
class SqliteLog {
 public:
  /// Pages of the log, of 4 KiB, at which it is copied, so that a bulk load rarely has to wait for it, and at
  /// which the writer waits for that.
  static constexpr int kLogPages = 8'000;
  static constexpr int kLongLogPages = 4 * kLogPages;

  /// `writer` outlives this. `open_beside`: another connection to the same file and log, for the
  /// checkpointer; null when there can be none now. `checkpointer` may be null.
  SqliteLog(sqlite3* writer, Checkpointer* checkpointer, std::function<sqlite3*()> open_beside);
  ~SqliteLog();
  SqliteLog(const SqliteLog&) = delete;
  SqliteLog& operator=(const SqliteLog&) = delete;

  /// After each commit.
  void Committed();
  /// Copies all of it and truncates it, unless a reader needs it; the writer's busy timeout is the patience.
  /// True: all of it is in the file, and on disk.
  bool Empty();
  /// Nothing is copied, and no other connection is open, until the next commit. It may still be made longer.
  void Leave();
  /// The disk did not take what was copied: the file may lack pages, whatever later attempts say.
  bool failed() const { return failed_; }
  /// What SQLite said to the writer's last copying, extended; SQLITE_OK and SQLITE_BUSY, too, where a reader
  /// keeps the log from being truncated.
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
