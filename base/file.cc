#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/nonce.h"

namespace mirror {
namespace {

std::string Reason(int error) { return std::strerror(error); }

absl::Status CannotWrite(const std::string& path, int error) {
  return absl::UnavailableError(absl::StrCat("'", path, "' cannot be written: ", Reason(error),
                                             ". The file did not change. Check the folder's rights and the "
                                             "free space, then run the command again."));
}

absl::Status Exists(const std::string& path) {
  return absl::AlreadyExistsError(
      absl::StrCat("'", path, "' exists and was left as it is. Choose another name, or remove it first."));
}

std::filesystem::path FolderOf(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

std::string TemporaryOf(const std::filesystem::path& path) {
  return FolderOf(path) / absl::StrCat(".", path.filename().string(), ".", NewNonce());
}

// Syncs a folder. Errors are ignored: some file systems cannot sync a folder, and the file exists anyway.
void SyncFolder(const std::filesystem::path& folder) {
  const OwnedDescriptor parent(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() >= 0) fsync(parent.get());
}

bool WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// Writes and syncs a temporary file. Returns 0, or the error as errno.
int WriteTemporary(const std::string& temporary, std::string_view content, FileUse use) {
  const mode_t mode = use == FileUse::kPublic ? 0644 : 0600;
  const OwnedDescriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (file.get() < 0) return errno;
  return WriteAll(file.get(), content) && fsync(file.get()) == 0 ? 0 : errno;
}

// Renames `from` to `to`. With kRefuse the kernel refuses an existing `to`. If the file system does not
// support that flag, a check before the rename does it.
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

bool BeginsAsCertificate(int file) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  std::array<char, kBegin.size()> begin{};
  const ssize_t count = pread(file, begin.data(), begin.size(), 0);
  const bool is_it =
      count == static_cast<ssize_t>(kBegin.size()) && std::string_view(begin.data(), begin.size()) == kBegin;
  explicit_bzero(begin.data(), begin.size());
  return is_it;
}

absl::Status IsNotThere(const std::string& path, FileUse use) {
  if (use == FileUse::kPassfile) {
    return absl::NotFoundError(absl::StrCat(
        "'", path,
        "' is not there. It must be libpq's passfile, with a line host:port:database:role:password for each "
        "database. Check the path, or make the file, with mode 0600."));
  }
  return absl::NotFoundError(absl::StrCat("'", path,
                                          "' is not there. Check the path; 'mirrorctl init' and 'mirrorctl "
                                          "certs' make keys and certificates, and 'openssl rand -hex 32' "
                                          "makes the text of a 'hash_key'."));
}

absl::Status IsOpenToOthers(const std::string& path, FileUse use, mode_t rights) {
  char mode[8];
  std::snprintf(mode, sizeof(mode), "%04o", static_cast<unsigned>(rights & 07777));
  if (use == FileUse::kPassfile) {
    return absl::PermissionDeniedError(
        absl::StrCat("'", path, "' holds passwords, and others may read or write it (mode ", mode,
                     "). It was not used. If nobody read it: chmod 600 '", path,
                     "'; otherwise change the passwords, too."));
  }
  return absl::PermissionDeniedError(
      absl::StrCat("'", path, "' is a secret key that others may read or write (mode ", mode,
                   "). It was not used. If nobody copied it: chmod 600 '", path,
                   "'; otherwise replace it: 'mirrorctl certs' makes keys of certificates, and 'openssl rand "
                   "-hex 32' makes the text of a 'hash_key'."));
}

}  // namespace

absl::StatusOr<std::string> ReadKeyFile(const std::string& path, FileUse use) {
  // O_NONBLOCK: if this is a pipe, opening it must not wait for a writer.
  const OwnedDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    if (errno == ENOENT) return IsNotThere(path, use);
    return absl::PermissionDeniedError(absl::StrCat("'", path, "' cannot be read: ", Reason(errno),
                                                    ". Check who owns it and the rights of its folders."));
  }
  struct stat info = {};
  if (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is not a regular file"));
  }
  if (use != FileUse::kPublic && (info.st_mode & 077) != 0) {
    if (BeginsAsCertificate(file.get())) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", path, "' is a certificate, but a secret key is needed. Name the key's file."));
    }
    return IsOpenToOthers(path, use, info.st_mode);
  }
  if (info.st_size > static_cast<off_t>(kKeyFileBytesMax)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is larger than ", kKeyFileBytesMax,
                     " bytes: it is neither a key nor a certificate. Name the right file."));
  }
  std::string content(kKeyFileBytesMax + 1, '\0');
  std::size_t size = 0;
  while (size < content.size()) {
    const ssize_t count = read(file.get(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return absl::PermissionDeniedError(absl::StrCat("'", path, "' cannot be read: ", Reason(errno)));
    }
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  if (size > kKeyFileBytesMax) {
    explicit_bzero(content.data(), content.size());
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' grew while it was read. Try again."));
  }
  content.resize(size);
  return content;
}

absl::StatusOr<std::string> ReadPasswordFile(const std::string& path) {
  absl::StatusOr<std::string> password = ReadKeyFile(path, FileUse::kPassfile);
  if (!password.ok()) return password;
  while (!password->empty() && (password->back() == '\n' || password->back() == '\r')) password->pop_back();
  if (password->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("password_file '", path, "' is empty. Write the password into it, and nothing else"));
  }
  if (password->find_first_of(std::string_view("\0\n", 2)) != std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("password_file '", path,
                     "' has more than one line. It must have the password in one line, and nothing else"));
  }
  return password;
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content, FileUse use,
                                 ExistingFile existing) {
  return WriteFilesAtomically({{path, content, use}}, existing);
}

absl::Status WriteFilesAtomically(const std::vector<NewFile>& files, ExistingFile existing) {
  std::vector<std::string> temporaries;
  const auto undo = [&](std::size_t named) {
    for (const std::string& temporary : temporaries) unlink(temporary.c_str());
    if (existing == ExistingFile::kReplace) return;
    for (std::size_t i = 0; i < named; ++i) unlink(files[i].path.c_str());
  };
  for (const NewFile& file : files) {
    temporaries.push_back(TemporaryOf(file.path));
    if (const int error = WriteTemporary(temporaries.back(), file.content, file.use); error != 0) {
      undo(0);
      return CannotWrite(file.path, error);
    }
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (Rename(temporaries[i], files[i].path, existing)) continue;
    const int error = errno;
    undo(i);
    return error == EEXIST ? Exists(files[i].path) : CannotWrite(files[i].path, error);
  }
  for (const NewFile& file : files) SyncFolder(FolderOf(file.path));
  return absl::OkStatus();
}

void RemoveTemporaries(const std::string& path) {
  namespace fs = std::filesystem;
  const std::string begin = absl::StrCat(".", fs::path(path).filename().string(), ".");
  const std::size_t length = begin.size() + NewNonce().size();
  std::vector<fs::path> temporaries;
  std::error_code error;
  for (fs::directory_iterator it(FolderOf(path), error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code unknown;
    if (name.starts_with(begin) && name.size() == length &&
        name.find_first_not_of("0123456789ABCDEF", begin.size()) == std::string::npos &&
        fs::is_regular_file(it->symlink_status(unknown))) {
      temporaries.push_back(it->path());
    }
  }
  for (const fs::path& temporary : temporaries) fs::remove(temporary, error);
}

absl::Status MakeFolder(const std::string& path, FolderUse use) {
  const mode_t mode = use == FolderUse::kPassage ? 0711 : 0700;
  if (mkdir(path.c_str(), 0700) == 0 && chmod(path.c_str(), mode) == 0) return absl::OkStatus();
  const int error = errno;
  struct stat info = {};
  if (error == EEXIST && stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the folder '", path, "' cannot be made: ", Reason(error),
                                             ". Check the path and the rights of the folder above it."));
}

absl::Status TryFolder(const std::string& path) {
  const std::string nearest = NearestThere(path);
  std::string tried = nearest + "/.check-XXXXXX";
  if (mkdtemp(tried.data()) == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("nothing can be made in '", nearest, "': ", std::strerror(errno)));
  }
  rmdir(tried.c_str());
  return absl::OkStatus();
}

std::string NearestThere(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  fs::path nearest = fs::absolute(path, error);
  while (!fs::exists(nearest, error) && nearest.has_relative_path()) nearest = nearest.parent_path();
  return nearest.string();
}

bool LooksLikeSqlite(const std::string& path) {
  static constexpr std::string_view kBegin("SQLite format 3\0", 16);
  std::ifstream file(path, std::ios::binary);
  std::string begin(kBegin.size(), ' ');
  file.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return file.gcount() == 0 || (file.gcount() == 16 && begin == kBegin);
}

}  // namespace mirror
