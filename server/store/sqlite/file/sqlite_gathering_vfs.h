#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_

#include <cstdint>

struct sqlite3;

namespace mirror {

/// The file that a connection writes in large pieces.
enum class Gathered : std::uint8_t {
  kLog,       ///< The log of a mirror.
  kDatabase,  ///< The file of a mirror that is being built; no other connection has it open.
};

/// Returns the name of a VFS. It is the system's own, except that it joins adjacent writes into one call.
/// With kLog, a checkpoint also extends the mirror's file in large pieces before it copies pages.
/// SQLite writes a log in two calls for each page, of 24 bytes and of 4,096; these calls took a fifth of the
/// processor time of a population.
///
/// Large transactions, and with kLog checkpoints, begin their way to the disk before their sync
/// (docs/decisions/0073). If the disk refuses that, the error is SQLITE_IOERR_FSYNC, even of a page write. So
/// the first call starts to watch all of SQLite's file size calls: see sqlite::WatchDescriptors().
///
/// Buffered bytes are written before the file is read at that place, measured, truncated or synced, and at
/// the end of a transaction (SQLITE_FCNTL_SYNC). If that fails, all calls that concern the lost bytes fail
/// until those are dropped. kLog needs synchronous=FULL: then a commit is synced before others see it, except
/// under CommitWithoutSync.
///
/// Null: SQLite is out of memory. Threads: any.
const char* GatheringVfs(Gathered what);

/// While it lives, a commit of a connection over kLog waits for no sync. Readers see the commit, it survives
/// the process, and it is on disk with the next sync of that log by any connection. The order is kept: a loss
/// of power takes such a commit only together with all later ones. A log that begins anew is synced all the
/// same, since its former content must not come back. So is a log with kWaitingMax unsynced bytes. Threads:
/// the connection's.
class CommitWithoutSync {
 public:
  /// Maximum of unsynced bytes: those that a failed sync may lose, and that must be written again.
  static constexpr std::int64_t kWaitingMax = 8 << 20;

  explicit CommitWithoutSync(sqlite3* connection);
  ~CommitWithoutSync();
  CommitWithoutSync(const CommitWithoutSync&) = delete;
  CommitWithoutSync& operator=(const CommitWithoutSync&) = delete;

 private:
  sqlite3* const connection_;
};

/// Called once for each connection over kLog (it sets the connection's rollback hook). SQLite does not inform
/// the log's file of a rollback. Pages written before the transaction's end may still be buffered, while
/// another process may already use their place in the log.
void DropGatheredAtRollback(sqlite3* connection);

/// Checks, by SQLite's writes, that all pages of a transaction have checksums in the log.
///
/// When SQLite writes a page again over its former place, it leaves the later headers without salts and
/// checksums until the transaction ends, and then rewrites all headers from that place on. SQLite 3.40 omits
/// some if a savepoint or a statement rolled that place back. A recovery of the log then loses the commit,
/// and all later ones (docs/decisions/0074). Threads: one at a time.
class FrameSeals {
 public:
  /// Size of the header before each page of a log.
  static constexpr int kHeaderBytes = 24;

  /// Called for each write of the transaction.
  void Wrote(const void* bytes, int size, std::int64_t to);
  /// Called when the transaction is written. False: a page of it has no checksum.
  bool End();

 private:
  void Appended(std::int64_t at);
  void WrittenAgain();

  std::int64_t header_ = -1;  ///< The last header, whose page is not written yet; -1: none.
  bool is_sealed_ = false;    ///< That header has a checksum.
  std::int64_t open_ = -1;    ///< The first frame without a checksum; -1: none.
  std::int64_t sealed_ = -1;  ///< All headers from here on were written again; -1: none.
};

/// While it lives, a database with a log keeps up to 32 MB of changed pages in memory until their transaction
/// ends, whatever the cache size. For code whose changes may be rolled back while the transaction continues
/// (docs/decisions/0074). If more pages change, such a commit may fail, see FrameSeals. Threads:
/// the connection's.
class HeldPages {
 public:
  explicit HeldPages(sqlite3* connection);
  ~HeldPages();
  HeldPages(const HeldPages&) = delete;
  HeldPages& operator=(const HeldPages&) = delete;

 private:
  sqlite3* const connection_;
  /// The former cache size. If it is as large as ours: another HeldPages is alive, or there is no log.
  const int before_;
};

/// Makes the disk begin to write a file while more data comes, so that the final sync waits for less
/// (docs/decisions/0073). Only that sync tells what is durable. Threads: one at a time.
class EarlyWriting {
 public:
  /// `file`: its descriptor. Begins writing after every `step` bytes of adjacent writes. `step` below 0:
  /// never begins.
  EarlyWriting(int file, std::int64_t step) : file_(file), step_(step) {}

  /// Notes that `size` bytes were written at `from`. False: the disk refused an early write; errno says why.
  /// The system may have dropped those bytes, and may not report that at a later sync.
  bool Wrote(std::int64_t from, std::int64_t size);
  /// Forgets the writes so far: later ones count from 0.
  void End() { begin_ = end_ = 0; }

 private:
  int file_;
  std::int64_t step_;
  std::int64_t begin_ = 0, end_ = 0;  ///< The range that has not begun yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_
