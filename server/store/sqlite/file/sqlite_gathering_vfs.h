#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_

#include <cstdint>

struct sqlite3;

namespace mirror {

/// The file that a connection writes in large pieces.
enum class Gathered : std::uint8_t {
  kLog,       ///< The log of a mirror.
  kDatabase,  ///< The file of a mirror that is being built. No other connection has it open.
};

/// Returns the name of a VFS. It works like the system's VFS, but joins adjacent writes into one call. SQLite
/// writes each page of a log in two calls, of 24 and of 4,096 bytes; these calls took a fifth of the
/// processor time of a population. With kLog, a checkpoint also extends the mirror's file in large pieces
/// before it copies pages.
///
/// The system begins to write large transactions, and checkpoints of kLog, to disk before their sync
/// (docs/decisions/0073). If the disk refuses that, the error is SQLITE_IOERR_FSYNC, even for the write of a
/// page. For this the first call begins to intercept all file size calls of SQLite, see
/// sqlite::WatchDescriptors().
///
/// Buffered bytes are written before SQLite reads the file at that place, or measures, truncates or syncs it,
/// and at the end of a transaction (SQLITE_FCNTL_SYNC). If that fails, all calls that concern the lost bytes
/// fail until those bytes are dropped. kLog needs synchronous=FULL. Then a commit is synced before others see
/// it, except under CommitWithoutSync.
///
/// Returns null if SQLite is out of memory. Threads: any.
const char* GatheringVfs(Gathered what);

/// Lets commits of a connection that uses kLog wait for no sync while it lives. Readers see such a commit,
/// and it survives the process. The next sync of the log by any connection puts it on disk. The order is
/// kept: a loss of power loses such a commit only together with all later ones. A log that begins anew is
/// synced in any case, because its former content must not come back. A log with kWaitingMax unsynced bytes
/// is synced, too. Threads: the connection's.
class CommitWithoutSync {
 public:
  /// Maximum of unsynced bytes. A failed sync may lose this number of bytes, and they have to be written
  /// again.
  static constexpr std::int64_t kWaitingMax = 8 << 20;

  explicit CommitWithoutSync(sqlite3* connection);
  ~CommitWithoutSync();
  CommitWithoutSync(const CommitWithoutSync&) = delete;
  CommitWithoutSync& operator=(const CommitWithoutSync&) = delete;

 private:
  sqlite3* const connection_;
};

/// Discards buffered pages at each rollback of the connection. Called once for each connection that uses
/// kLog; it sets the connection's rollback hook. SQLite does not tell the log's file about a rollback. Pages
/// that SQLite wrote before the end of the transaction may still be buffered, while another process may
/// already use their place in the log.
void DropGatheredAtRollback(sqlite3* connection);

/// Checks, from SQLite's writes, that all pages of a transaction have checksums in the log.
///
/// SQLite may write a page again over its former place. Then it leaves the later headers without salts and
/// checksums until the transaction ends, and rewrites all headers from that place on. SQLite 3.40 omits some
/// of them if a savepoint or a statement rolled that place back. A recovery of the log then loses this commit
/// and all later ones (docs/decisions/0074). Threads: one at a time.
class FrameSeals {
 public:
  /// Size of the header before each page of a log.
  static constexpr int kHeaderBytes = 24;

  /// Called for each write of the transaction.
  void Wrote(const void* bytes, int size, std::int64_t to);
  /// Called when the transaction is written. False: at least one page of it has no checksum.
  bool End();

 private:
  void Appended(std::int64_t at);
  void WrittenAgain();

  std::int64_t header_ = -1;  ///< The last header whose page is not written yet; -1: none.
  bool is_sealed_ = false;    ///< That header has a checksum.
  std::int64_t open_ = -1;    ///< The first frame without a checksum; -1: none.
  std::int64_t sealed_ = -1;  ///< All headers from here on were written again; -1: none.
};

/// Lets a database with a log, while it lives, keep up to 32 MB of changed pages in memory until their
/// transaction ends, whatever the cache size is. For code whose changes may be rolled back while the
/// transaction continues (docs/decisions/0074). If a transaction changes more pages, its commit may fail, see
/// FrameSeals. Threads: the connection's.
class HeldPages {
 public:
  explicit HeldPages(sqlite3* connection);
  ~HeldPages();
  HeldPages(const HeldPages&) = delete;
  HeldPages& operator=(const HeldPages&) = delete;

 private:
  sqlite3* const connection_;
  /// The former cache size. If it is not smaller than ours, another HeldPages is alive or there is no log.
  const int before_;
};

/// Makes the system begin to write a file to disk while more data is added. So the last sync takes less time
/// (docs/decisions/0073). Only that sync says what is durable. Threads: one at a time.
class EarlyWriting {
 public:
  /// `file`: a descriptor. Begins to write after every `step` bytes of adjacent writes. `step` below 0:
  /// never.
  EarlyWriting(int file, std::int64_t step) : file_(file), step_(step) {}

  /// Notes that `size` bytes were written at `from`. False: the disk refused an early write, and errno has
  /// the reason. The system may have dropped these bytes, and may not report that at a later sync.
  bool Wrote(std::int64_t from, std::int64_t size);
  /// Forgets the writes so far. Later writes are counted from 0.
  void End() { begin_ = end_ = 0; }

 private:
  int file_;
  std::int64_t step_;
  std::int64_t begin_ = 0, end_ = 0;  ///< The range whose early write has not begun yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_
