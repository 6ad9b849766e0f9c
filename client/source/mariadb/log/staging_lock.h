#ifndef MIRROR_CLIENT_SOURCE_MARIADB_LOG_STAGING_LOCK_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_LOG_STAGING_LOCK_H_

#include <chrono>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace mirror {

/// One process at a time reads a binlog as the same server_id: the server ends the stream of the one before.
/// The operating system's lock (flock), which ends with the process, on a file with the process's number.
///
/// Threads: one.
class StagingLock {
 public:
  /// Waits for who has it. Errors: kUnavailable: another one still has it after `within`, named for people,
  /// or the file cannot be written; kCancelled: stopped.
  static absl::StatusOr<StagingLock> Acquire(const std::string& path, std::chrono::milliseconds within,
                                             const std::stop_token& stop);
  StagingLock(StagingLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  StagingLock& operator=(StagingLock&&) = delete;
  ~StagingLock();

 private:
  explicit StagingLock(int file) : file_(file) {}
  int file_ = -1;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_LOG_STAGING_LOCK_H_
