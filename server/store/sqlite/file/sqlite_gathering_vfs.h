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

/// Whether all pages of a transaction have checksums in the log, by what SQLite writes there.
///
/// Where it writes a page once more over its former place, it leaves the headers behind it without salts and
/// checksums until the transaction ends, and then writes all from that place on. SQLite 3.40 forgets some of
/// them if a savepoint or a statement took that place back: whoever recovers the log loses the commit, and
/// all behind it (docs/decisions/0074). Threads: one at a time.
class FrameSeals {
 public:
  /// What stands in a log before each page.
  static constexpr int kHeaderBytes = 24;

  /// Each write of the transaction.
  void Wrote(const void* bytes, int size, std::int64_t to);
  /// The transaction is written. False: a page of it has no checksum.
  bool End();

 private:
  void Appended(std::int64_t at);
  void WrittenAgain();

  std::int64_t header_ = -1;  ///< Written last, and no page behind it yet; -1: none.
  bool is_sealed_ = false;    ///< That one has a checksum.
  std::int64_t open_ = -1;    ///< The first frame without a checksum; -1: none.
  std::int64_t sealed_ = -1;  ///< From here on all headers were written again; -1: none.
};

/// As long as it lives, of a database with a log 32 MB of changed pages wait for the end of their
/// transaction, whatever the cache holds: around what may be taken back while the transaction goes on
/// (docs/decisions/0074). Where more were changed, such a commit may fail, see FrameSeals. Threads: the
/// connection's.
class HeldPages {
 public:
  explicit HeldPages(sqlite3* connection);
  ~HeldPages();
  HeldPages(const HeldPages&) = delete;
  HeldPages& operator=(const HeldPages&) = delete;

 private:
  sqlite3* const connection_;
  /// The cache's size. As large as ours: within the life of another one, or there is no log.
  const int before_;
};

/// Has the disk begin with what is written to a file while more of it comes, so that the sync at the end
/// waits for less (docs/decisions/0073). What is durable that sync alone tells. Threads: one at a time.
class EarlyWriting {
 public:
  /// Of the file with descriptor `file`: each `step` bytes that were written one behind the other. Below 0:
  /// nothing begins.
  EarlyWriting(int file, std::int64_t step) : file_(file), step_(step) {}

  /// `size` bytes were written at `from`. False: the disk refused what it was to begin with, errno says why.
  /// The system may have dropped it then, and tell no later sync.
  bool Wrote(std::int64_t from, std::int64_t size);
  /// What comes is counted anew.
  void End() { begin_ = end_ = 0; }

 private:
  int file_;
  std::int64_t step_;
  std::int64_t begin_ = 0, end_ = 0;  ///< What is not begun yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_GATHERING_VFS_H_
