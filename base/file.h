#ifndef MIRROR_BASE_FILE_H_
#define MIRROR_BASE_FILE_H_

#include <unistd.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// A descriptor that is closed by the destructor; below 0: nothing is open. Do not use it for a file that
/// SQLite in this process has open, because closing a descriptor drops all locks of this process on the file.
class OwnedDescriptor {
 public:
  explicit OwnedDescriptor(int number = -1) : number_(number) {}
  ~OwnedDescriptor() { Close(); }
  OwnedDescriptor(OwnedDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  OwnedDescriptor& operator=(OwnedDescriptor&& other) noexcept {
    Close();
    number_ = std::exchange(other.number_, -1);
    return *this;
  }
  int get() const { return number_; }
  void Close() {
    if (number_ >= 0) close(number_);
    number_ = -1;
  }

 private:
  int number_;
};

/// Greatest size of a key or certificate file, in bytes.
inline constexpr std::size_t kKeyFileBytesMax = 256 * 1024;

enum class FileUse {
  kPublic,    ///< A certificate: everybody may read the file.
  kSecret,    ///< A private key: group and others must have no access to the file.
  kPassfile,  ///< A password file of libpq: access as for kSecret.
};

/// Reads a key or certificate file. The mode of a file that is not public is checked after the file is
/// opened. Errors: kNotFound; kPermissionDenied (unreadable, or a secret that others may read);
/// kInvalidArgument (no regular file, or over kKeyFileBytesMax). All name the path.
absl::StatusOr<std::string> ReadKeyFile(const std::string& path, FileUse use);

/// Reads the password from a file that has one line with the password alone. No message contains the
/// password. Errors: those of ReadKeyFile() for a passfile; kInvalidArgument: the file has no password, or
/// more than one line.
absl::StatusOr<std::string> ReadPasswordFile(const std::string& path);

enum class ExistingFile { kRefuse, kReplace };

/// Writes a file completely or not at all, even if the power fails: a temporary file beside it (0600 or 0644
/// from its first byte), fsync, rename, fsync of the folder. Errors: kAlreadyExists (with kRefuse: the
/// existing file is unchanged); kUnavailable for every other error of the file system. The temporary file is
/// always removed, except after a crash.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content, FileUse use,
                                 ExistingFile existing);

/// One of several files.
struct NewFile {
  std::string path;
  std::string_view content;
  FileUse use = FileUse::kSecret;
};

/// Writes files that belong together. All are written as temporary files before the first is renamed, so that
/// a missing or full folder leaves no file. With kRefuse, a failure removes the files that were renamed
/// before it.
absl::Status WriteFilesAtomically(const std::vector<NewFile>& files, ExistingFile existing);

/// Removes the temporary files beside `path` that WriteFileAtomically() left when its process was killed. No
/// other process may write `path` at the same time. Files that cannot be removed stay.
void RemoveTemporaries(const std::string& path);

enum class FolderUse {
  kPrivate,  ///< Only for the owner: 0700.
  kPassage,  ///< Others may open files in it to which they have access, but may not list it: 0711.
};

/// Makes a folder with the mode of `use`, whatever the umask is, if the folder is missing. The parent must
/// exist. Errors: kUnavailable, with the path.
absl::Status MakeFolder(const std::string& path, FolderUse use = FolderUse::kPrivate);

/// Checks that a file can be made in this folder or, if it does not exist, in the nearest existing folder
/// above it. The test file is removed. Errors: kFailedPrecondition: half a sentence with the folder and the
/// reason.
absl::Status TryFolder(const std::string& path);

/// Returns `path` if it exists and this user can see it, otherwise the nearest folder above it that this user
/// can see.
std::string NearestThere(const std::string& path);

/// Returns true if a file begins as a SQLite database does, or is empty: SQLite makes a database of an empty
/// file. Do not call it for a file that SQLite in this process has open: the call would drop SQLite's locks.
bool LooksLikeSqlite(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_BASE_FILE_H_
