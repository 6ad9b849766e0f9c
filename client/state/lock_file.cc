#include "client/state/lock_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "certs/token.h"
#include "proto/wire/limits.h"

namespace mirror {
namespace {

/// A lock of the open file, not of the process; a test for the lock does not take it.
struct flock WholeFile(short type) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

absl::Status Failed(const std::string& path, const char* what) {
  return absl::UnavailableError(
      absl::StrCat("'", path, "' ", what, ": ", std::strerror(errno),
                   ". Nothing was sent; give this user the right to write in [agent] ",
                   "'state_dir', and check the disk"));
}

}  // namespace

absl::StatusOr<LockFile::Look> LockFile::LookAt(const std::string& state_dir, const std::string& context_id) {
  const std::string path = absl::StrCat(state_dir, "/", context_id, ".lock");
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 && errno == ENOENT) return Look::kFree;
  if (file < 0) {
    return absl::UnavailableError(absl::StrCat("'", path, "' cannot be read: ", std::strerror(errno),
                                               ". Run this command as the user of the agent"));
  }
  struct flock found = WholeFile(F_WRLCK);
  const bool held = fcntl(file, F_OFD_GETLK, &found) == 0 && found.l_type != F_UNLCK;
  struct stat info = {};
  const bool holder = fstat(file, &info) == 0 && info.st_size > 0;
  close(file);
  if (held) return Look::kHeld;
  return holder ? Look::kCutOff : Look::kFree;
}

absl::StatusOr<LockFile> LockFile::Acquire(const std::string& state_dir, const std::string& context_id) {
  RETURN_IF_ERROR(MakeFolder(state_dir));
  return AcquirePath(absl::StrCat(state_dir, "/", context_id, ".lock"),
                     absl::StrCat("another mirror-agent is at work for tenant '", context_id, "'"));
}

absl::StatusOr<LockFile> LockFile::AcquireFolder(const std::string& state_dir) {
  RETURN_IF_ERROR(MakeFolder(state_dir));
  return AcquirePath(absl::StrCat(state_dir, "/.run.lock"),
                     absl::StrCat("another 'mirror-agent run' uses the state folder '", state_dir, "'"));
}

absl::StatusOr<LockFile> LockFile::AcquirePath(const std::string& path, const std::string& who) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return Failed(path, "cannot be opened");
  LockFile lock(path, file);
  struct flock whole = WholeFile(F_WRLCK);
  if (fcntl(file, F_OFD_SETLK, &whole) != 0) {
    if (errno != EWOULDBLOCK && errno != EACCES) return Failed(path, "cannot be locked");
    return absl::UnavailableError(
        absl::StrCat(who, " (it holds '", path, "'). Nothing was sent; try again when it has ended"));
  }
  return lock;
}

LockFile::LockFile(LockFile&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

LockFile::~LockFile() {
  if (file_ < 0) return;
  // Closing alone would leave the lock to a child that was forked meanwhile, until it calls exec.
  struct flock whole = WholeFile(F_UNLCK);
  fcntl(file_, F_OFD_SETLK, &whole);
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
  RETURN_IF_ERROR(Write(fresh.id));
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
