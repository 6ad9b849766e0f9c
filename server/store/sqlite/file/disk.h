#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_DISK_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_DISK_H_

#include <chrono>
#include <cstdint>
#include <string>

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

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_DISK_H_
