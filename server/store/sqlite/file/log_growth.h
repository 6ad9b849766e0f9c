#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_LOG_GROWTH_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_LOG_GROWTH_H_

#include <cstdint>
#include <optional>
#include <string>

#include "server/store/sqlite/file/sqlite_checkpointer.h"

namespace mirror {

/// Has the checkpointer append zeros to a mirror's log ahead of small commits, and sync them: a commit's sync
/// that has to find room for what it writes takes twice as long (measured on ext4). SQLite takes zeros for
/// the log's end, as it does what a former log has left.
///
/// The file gets at most twice as long as what is in it, and kStepMax more. Zeros are appended alone, which
/// the system does in one piece with whoever else writes, and so they never cover what another has written.
/// Where the disk is full, nothing more is appended. Threads: the writer's.
class LogGrowth {
 public:
  /// Of zeros, in one task.
  static constexpr std::int64_t kStepMin = 64 << 10, kStepMax = 4 << 20;
  /// A commit of more pages is a bulk load's: it writes more than a sync costs.
  static constexpr int kSmallCommitPages = 64;

  /// `checkpointer` outlives this.
  LogGrowth(Checkpointer& checkpointer, std::string path);

  /// Behind each commit; `pages` are in the log.
  void Committed(int pages);
  /// Nothing is appended until the next commit; the log may be truncated.
  void End();

 private:
  bool Begin(std::int64_t bytes);

  Checkpointer& checkpointer_;
  const std::string path_;
  int pages_ = 0;
  std::int64_t length_ = 0;  ///< Of the file, as far as it was looked at.
  std::int64_t asked_ = 0;   ///< What the task makes of it.
  bool refused_ = false;     ///< The disk did not take all.
  std::optional<Checkpointer::Task> task_;
};

/// Appends zeros until the file has `bytes`, and syncs it. Gives the file's length, or what it had become
/// when the disk refused more; 0: it cannot be opened.
std::int64_t GrowLog(const std::string& path, std::int64_t bytes);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_LOG_GROWTH_H_
