#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_DISK_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_DISK_H_

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/store/home.h"

namespace mirror {

/// Of the disk of `dir`. Errors: kUnavailable.
absl::StatusOr<StoreHome::Space> DiskSpace(const std::string& dir);

/// Whether a file of 256 KB, as the log of a small commit and its index take, can be written in `dir`; it is
/// gone afterwards. Errors: kUnavailable, in a sentence.
absl::Status TryWriting(const std::string& dir);

/// Median time of several writes of 4 KB, each with fdatasync, to a file in `dir` that is gone afterwards.
/// Errors: kUnavailable.
absl::StatusOr<std::chrono::microseconds> SyncTime(const std::string& dir);

bool FileExists(const std::string& path);
/// 0: it is not there.
std::uint64_t FileBytes(const std::string& path);

/// What the system holds of a file, or of a folder's names, is on the disk. Gives an errno; 0: it is.
/// `flags`: for open(), O_CLOEXEC apart.
int SyncPath(const std::string& path, int flags);

/// The same of a folder's names. Errors: kUnavailable.
absl::Status SyncFolder(const std::string& dir);
/// kUnavailable for what was not to be done with a file or a folder: "removing 'x': why", and where to look.
absl::Status FileTrouble(const std::string& doing, const std::string& path, const std::string& why);

/// What SQLite keeps beside a database in WAL mode: its log, and the log's index in shared memory.
inline constexpr char kLogSuffix[] = "-wal", kIndexSuffix[] = "-shm";

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_DISK_H_
