#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_DISK_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_DISK_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/home.h"

namespace mirror {

/// Returns the space on the disk that holds `dir`. Errors: kUnavailable.
absl::StatusOr<StoreHome::Space> DiskSpace(const std::string& dir);

/// Checks that a file of 256 KB can be written in `dir`, and removes it afterwards. A small commit writes
/// about as much to the log and its index. Errors: kUnavailable, as a sentence.
absl::Status TryWriting(const std::string& dir);

/// Returns the median time of several writes of 4 KB, each followed by fdatasync. Writes a file in `dir` and
/// removes it afterwards. Errors: kUnavailable.
absl::StatusOr<std::chrono::microseconds> SyncTime(const std::string& dir);

bool FileExists(const std::string& path);
/// Returns the file's size; 0: it does not exist.
std::uint64_t FileBytes(const std::string& path);

/// Syncs a file, or the names in a folder. Returns 0, or an errno. `flags`: for open(), in addition to
/// O_CLOEXEC.
int SyncPath(const std::string& path, int flags);

/// Syncs the names in a folder. Errors: kUnavailable.
absl::Status SyncFolder(const std::string& dir);
/// Returns kUnavailable for a failed action on a file or folder. The message: "removing 'x': why", and where
/// to look.
absl::Status FileTrouble(const std::string& doing, const std::string& path, const std::string& why);

/// Suffixes of SQLite's files beside a database in WAL mode: the log, and its index in shared memory.
inline constexpr char kLogSuffix[] = "-wal", kIndexSuffix[] = "-shm";

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_DISK_H_
