#include "tools/mirrorctl/export_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"

#include "base/status_macros.h"

namespace mirror {
namespace {

std::string PartOf(const std::string& path) { return path + ".part"; }

absl::Status Refused(const std::string& path, const char* what) {
  const int error = errno;
  return absl::UnavailableError(absl::StrCat(path, " cannot be ", what, ": ", std::strerror(error)));
}

absl::Status IsThere(const std::string& path) {
  return absl::AlreadyExistsError(absl::StrCat(
      path, " exists already and was not changed: give another name, or replace it with --replace"));
}

absl::Status CheckPlace(const std::string& path, ExistingFile existing) {
  struct stat there = {};
  if (lstat(path.c_str(), &there) != 0) return absl::OkStatus();
  if (existing == ExistingFile::kRefuse) return IsThere(path);
  if (S_ISREG(there.st_mode)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path, " is not a regular file and cannot be replaced: give another name, or - for stdout"));
}

absl::Status OthersPart(const std::string& part) {
  return absl::FailedPreconditionError(
      absl::StrCat("another export is writing ", part, ": wait for its end, or give another name"));
}

/// Returns true if `file` still has the name `part`: another program may have renamed it.
bool HasName(int file, const std::string& part) {
  struct stat opened = {}, named = {};
  return fstat(file, &opened) == 0 && lstat(part.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino && S_ISREG(opened.st_mode);
}

void SyncFolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int parent = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (parent < 0) return;
  fsync(parent);
  close(parent);
}

/// Renames a file. If `to` must not be replaced, the kernel itself refuses that, where the file system
/// supports it.
bool Rename(const std::string& from, const std::string& to, ExistingFile existing) {
  if (existing == ExistingFile::kReplace) return std::rename(from.c_str(), to.c_str()) == 0;
  if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  struct stat there = {};
  if (lstat(to.c_str(), &there) == 0) {
    errno = EEXIST;
    return false;
  }
  return std::rename(from.c_str(), to.c_str()) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExportFile>> ExportFile::Begin(const std::string& path,
                                                              ExistingFile existing) {
  RETURN_IF_ERROR(CheckPlace(path, existing));
  const std::string part = PartOf(path);
  const int file = open(part.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return Refused(part, "written");
  // From here on the object closes the file. Only the process that has the lock removes the file.
  if (flock(file, LOCK_EX | LOCK_NB) != 0 || !HasName(file, part)) {
    close(file);
    return OthersPart(part);
  }
  std::unique_ptr<ExportFile> made(new ExportFile(path, existing, file));
  if (fchmod(file, 0600) != 0 || ftruncate(file, 0) != 0) return Refused(part, "written");
  return made;
}

ExportFile::~ExportFile() {
  if (!is_finished_) unlink(PartOf(path_).c_str());
  close(file_);
}

absl::Status ExportFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Refused(PartOf(path_), "written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status ExportFile::Finish() {
  if (fsync(file_) != 0) return Refused(PartOf(path_), "written");
  if (!Rename(PartOf(path_), path_, existing_)) {
    return errno == EEXIST ? IsThere(path_) : Refused(path_, "created by renaming its .part file");
  }
  is_finished_ = true;
  SyncFolderOf(path_);
  return absl::OkStatus();
}

}  // namespace mirror
