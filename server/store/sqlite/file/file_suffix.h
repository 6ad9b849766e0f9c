#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_FILE_SUFFIX_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_FILE_SUFFIX_H_

namespace mirror {

/// What SQLite keeps beside a database in WAL mode: its log, and the log's index in shared memory.
inline constexpr char kLogSuffix[] = "-wal", kIndexSuffix[] = "-shm";

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_FILE_SUFFIX_H_
