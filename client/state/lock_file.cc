#include "client/state/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/nonce.h"
#include "certs/token.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

constexpr int kLooksAtMost = 10;
constexpr std::chrono::milliseconds kLookTime(2);

absl::Status Failed(const std::string& path, const char* what) {
  return absl::UnavailableError(
      absl::StrCat("'", path, "' ", what, ": ", std::strerror(errno),
                   ". Nothing was sent; give this user the right to write in [agent] ",
                   "'state_dir' and look at the disk"));
}

}  // namespace

absl::StatusOr<LockFile::Look> LockFile::LookAt(const std::string& state_dir, const std::string& context_id) {
  const std::string path = absl::StrCat(state_dir, "/", context_id, ".lock");
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 && errno == ENOENT) return Look::kFree;
  if (file < 0) {
    return absl::UnavailableError(absl::StrCat("'", path, "' cannot be read: ", std::strerror(errno),
                                               ". Ask as the user that the agent runs as"));
  }
  const bool held = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  struct stat info = {};
  const bool holder = fstat(file, &info) == 0 && info.st_size > 0;
  flock(file, LOCK_UN);
  close(file);
  if (held) return Look::kHeld;
  return holder ? Look::kCutOff : Look::kFree;
}

absl::StatusOr<LockFile> LockFile::Acquire(const std::string& state_dir, const std::string& context_id) {
  if (absl::Status made = MakeFolder(state_dir); !made.ok()) return made;
  return AcquirePath(absl::StrCat(state_dir, "/", context_id, ".lock"),
                     absl::StrCat("another mirror-agent is at work for tenant '", context_id, "'"));
}

absl::StatusOr<LockFile> LockFile::AcquireFolder(const std::string& state_dir) {
  if (absl::Status made = MakeFolder(state_dir); !made.ok()) return made;
  return AcquirePath(absl::StrCat(state_dir, "/.run.lock"),
                     absl::StrCat("another 'mirror-agent run' uses the state folder '", state_dir, "'"));
}

absl::StatusOr<LockFile> LockFile::AcquirePath(const std::string& path, const std::string& who) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return Failed(path, "cannot be opened");
  LockFile lock(path, file);
  bool locked = flock(file, LOCK_EX | LOCK_NB) == 0;
  // LookAt() shares it for a moment.
  for (int i = 0; i < kLooksAtMost && !locked && errno == EWOULDBLOCK; ++i) {
    std::this_thread::sleep_for(kLookTime);
    locked = flock(file, LOCK_EX | LOCK_NB) == 0;
  }
  if (!locked) {
    if (errno != EWOULDBLOCK) return Failed(path, "cannot be locked");
    return absl::UnavailableError(
        absl::StrCat(who, " (it holds '", path, "'). Nothing was sent; try again when it has ended"));
  }
  return lock;
}

LockFile::LockFile(LockFile&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

LockFile::~LockFile() {
  if (file_ < 0) return;
  // Closing alone would leave the lock to a child that was forked meanwhile, until it runs its own program.
  flock(file_, LOCK_UN);
  close(file_);
}

absl::StatusOr<LockFile::Holder> LockFile::Begin() {
  std::array<char, kHolderBytesMax> bytes;
  const ssize_t got = pread(file_, bytes.data(), bytes.size(), 0);
  if (got < 0) return Failed(path_, "cannot be read");
  const std::string found(bytes.data(), static_cast<std::size_t>(got));
  const bool whole =
      found.size() == NewNonce().size() && std::all_of(found.begin(), found.end(), absl::ascii_isxdigit);
  if (whole) return Holder{found, true};
  const Holder fresh{NewNonce(), false};
  if (absl::Status written = Write(fresh.id); !written.ok()) return written;
  return fresh;
}

absl::Status LockFile::End() { return Write(""); }

absl::Status LockFile::Write(const std::string& content) {
  if (ftruncate(file_, 0) != 0 ||
      pwrite(file_, content.data(), content.size(), 0) != static_cast<ssize_t>(content.size()) ||
      fsync(file_) != 0) {
    return Failed(path_, "cannot be written");
  }
  return absl::OkStatus();
}

}  // namespace mirror
