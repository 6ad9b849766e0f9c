#include "server/store/sqlite/file/disk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr std::size_t kWrites = 9;
constexpr std::size_t kWriteBytes = 4096;
constexpr std::size_t kTriedBytes = 256 * 1024;

absl::Status DiskError(const std::string& dir, const std::string& what) {
  const int error = errno;
  return absl::UnavailableError(absl::StrCat("the data folder '", dir, "': ", what, ": ", strerror(error)));
}

}  // namespace

absl::StatusOr<StoreHome::Space> DiskSpace(const std::string& dir) {
  struct statvfs info {};
  if (statvfs(dir.c_str(), &info) != 0) return DiskError(dir, "asking for free space");
  return StoreHome::Space{.free_bytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize,
                          .size_bytes = static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize};
}

absl::Status TryWriting(const std::string& dir) {
  std::string path = dir + "/.write-test-XXXXXX";
  const int file = mkostemp(path.data(), O_CLOEXEC);
  bool written = file >= 0;
  if (written) unlink(path.c_str());
  const std::vector<char> bytes(kTriedBytes);
  for (std::size_t at = 0; written && at < bytes.size();) {
    const ssize_t count = write(file, bytes.data() + at, bytes.size() - at);
    if (count < 0 && errno == EINTR) continue;
    written = count > 0;
    at += written ? static_cast<std::size_t>(count) : 0;
  }
  // Some file systems allocate space only at the sync.
  written = written && fdatasync(file) == 0;
  const int error = errno;
  if (file >= 0) close(file);
  if (written) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("nothing can be written in the data folder '", dir, "': ",
                                             error == ENOSPC ? "the disk is full, " : "", strerror(error)));
}

absl::StatusOr<std::chrono::microseconds> SyncTime(const std::string& dir) {
  std::string path = dir + "/.sync-time-XXXXXX";
  const int file = mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) return DiskError(dir, "making a file");
  unlink(path.c_str());
  const std::array<char, kWriteBytes> page{};
  std::array<std::chrono::steady_clock::duration, kWrites> times{};
  for (std::size_t i = 0; i < kWrites; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    if (pwrite(file, page.data(), page.size(), static_cast<off_t>(i * kWriteBytes)) != kWriteBytes ||
        fdatasync(file) != 0) {
      absl::Status status = DiskError(dir, "writing");
      close(file);
      return status;
    }
    times[i] = std::chrono::steady_clock::now() - begin;
  }
  close(file);
  std::sort(times.begin(), times.end());
  return std::chrono::duration_cast<std::chrono::microseconds>(times[kWrites / 2]);
}

bool FileExists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

std::uint64_t FileBytes(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

int SyncPath(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return errno;
  const int error = fsync(file) == 0 ? 0 : errno;
  close(file);
  return error;
}

absl::Status SyncFolder(const std::string& dir) {
  const int failed = SyncPath(dir, O_RDONLY | O_DIRECTORY);
  return failed == 0 ? absl::OkStatus() : FileTrouble("syncing", dir, strerror(failed));
}

absl::Status FileTrouble(const std::string& doing, const std::string& path, const std::string& why) {
  return absl::UnavailableError(absl::StrCat(doing, " '", path, "': ", why,
                                             ". Look at the folder's mode and at the disk, then try again."));
}

}  // namespace mirror
