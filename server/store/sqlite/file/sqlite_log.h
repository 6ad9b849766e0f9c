#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LOG_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_LOG_H_

#include <functional>
#include <optional>

#include "server/store/sqlite/file/log_growth.h"
#include "server/store/sqlite/file/sqlite_checkpointer.h"

struct sqlite3;

namespace mirror {

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
