#ifndef MIRROR_SERVER_STORE_SQLITE_GATHERING_VFS_H_
#define MIRROR_SERVER_STORE_SQLITE_GATHERING_VFS_H_

namespace mirror {

/// Which of its files a connection writes in large pieces.
enum class Gathered {
  kLog,       ///< The log of a mirror, which is synced before others may read what was written to it.
  kDatabase,  ///< The file of a mirror that is being built, which nobody else has open.
};

/// Name of a VFS, the system's own but for this: what is written to one place behind the other goes to the
/// file in one call. SQLite writes a log in two calls for each page, one of 24 bytes and one of 4,096; they
/// were a fifth of the processor time of a population.
///
/// What waits is written before the file is read at that place, measured, truncated, synced or closed, and
/// at the end of a transaction (SQLITE_FCNTL_SYNC); an error of that is told by the call it happens in. kLog
/// needs synchronous=FULL: with less, commits become visible without a sync.
///
/// Null: SQLite has no memory left. Threads: any.
const char* GatheringVfs(Gathered what);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_GATHERING_VFS_H_
