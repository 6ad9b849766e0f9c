#include "client/source/mariadb/log/staging_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr std::chrono::milliseconds kStagingLockLook{20};

absl::Status LockFailed(const std::string& path, const char* what) {
  return absl::UnavailableError(absl::StrCat("'", path, "' ", what, ": ", std::strerror(errno),
                                             ". Nothing was sent; give this user the right to write in "
                                             "[agent] 'state_dir' and look at the disk"));
}

/// Empty: it has not written it yet.
std::string HolderOf(int file) {
  std::array<char, 32> bytes;
  const ssize_t got = pread(file, bytes.data(), bytes.size(), 0);
  return got > 0 ? absl::StrCat(" ", std::string(bytes.data(), static_cast<std::size_t>(got))) : "";
}

}  // namespace

absl::StatusOr<StagingLock> StagingLock::Acquire(const std::string& path, std::chrono::milliseconds within,
                                                 const std::stop_token& stop) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return LockFailed(path, "cannot be opened");
  StagingLock lock(file);
  const auto until = std::chrono::steady_clock::now() + within;
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return LockFailed(path, "cannot be locked");
    if (stop.stop_requested()) return absl::CancelledError("the agent was stopped");
    if (std::chrono::steady_clock::now() >= until) {
      return absl::UnavailableError(absl::StrCat(
          "process", HolderOf(file), " reads this source's binlog already, as the same server_id (it holds '",
          path,
          "'). Nothing was sent. If it is 'mirror-agent run', that sends by itself: stop it before "
          "another one is to send"));
    }
    std::this_thread::sleep_for(kStagingLockLook);
  }
  const std::string holder = absl::StrCat(getpid());
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, holder.data(), holder.size(), 0) != static_cast<ssize_t>(holder.size()))
    return LockFailed(path, "cannot be written");
  return lock;
}

StagingLock::~StagingLock() {
  if (file_ < 0) return;
  // Closing alone would leave the lock to a child that was forked meanwhile, until it runs its own program.
  flock(file_, LOCK_UN);
  close(file_);
}

}  // namespace mirror
