#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_

#include <cstdint>

struct sqlite3;

namespace mirror {

/// Which of its files a connection writes in large pieces.
enum class Gathered : std::uint8_t {
  kLog,       ///< The log of a mirror.
  kDatabase,  ///< The file of a mirror that is being built, which nobody else has open.
};

/// Name of a VFS, the system's own but for this: what is written to one place behind the other goes to the
/// file in one call, and with kLog a copying of the log lengthens the mirror's file in large pieces before
/// its pages come. SQLite writes a log in two calls for each page, one of 24 bytes and one of 4,096; they
/// were a fifth of the processor time of a population.
///
/// Large transactions, and with kLog copyings, begin their way to the disk before their sync
/// (docs/decisions/0073): what the disk refuses of them is SQLITE_IOERR_FSYNC, of a page's writing, too. For
/// that the first call has all of SQLite's looks at lengths watched: see sqlite::WatchDescriptors().
///
/// What waits is written before the file is read at that place, measured, truncated or synced, and at the end
/// of a transaction (SQLITE_FCNTL_SYNC). When that fails, so do all calls about what is lost, until it is
/// dropped. kLog needs synchronous=FULL: then commits are synced before others see them, but for those under
/// CommitWithoutSync.
///
/// Null: SQLite has no memory left. Threads: any.
const char* GatheringVfs(Gathered what);

/// As long as it lives, a commit of a connection over kLog waits for no sync: what it writes is where readers
/// find it, survives the process, and is on disk with the next sync of that log, whoever has it synced. The
/// order is kept: a loss of power takes such a commit only with all behind it. A log that begins anew is
/// synced all the same, since what stood in it before must not come back, and so is one in which kWaitingMax
/// bytes wait. Threads: the connection's.
class CommitWithoutSync {
 public:
  /// What a sync that fails may have lost, and has to be written again.
  static constexpr std::int64_t kWaitingMax = 8 << 20;

  explicit CommitWithoutSync(sqlite3* connection);
  ~CommitWithoutSync();
  CommitWithoutSync(const CommitWithoutSync&) = delete;
  CommitWithoutSync& operator=(const CommitWithoutSync&) = delete;

 private:
  sqlite3* const connection_;
};

/// For each connection over kLog, once (it is the connection's rollback hook). SQLite does not tell the log's
/// file of a rollback: pages that were written before the transaction's end may still wait, and by then their
/// place in the log may be another process's.
void DropGatheredAtRollback(sqlite3* connection);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_
