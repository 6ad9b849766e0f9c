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

/// A descriptor that closes itself; below 0: nothing is open. Do not use it for a file that SQLite in this
/// process has open when the descriptor is closed: closing drops all locks of this process on the file.
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

/// Limit in bytes; a larger file is no key and no certificate.
inline constexpr std::size_t kKeyFileBytesMax = 256 * 1024;

enum class FileUse {
  kPublic,    ///< Everybody may read it: a certificate.
  kSecret,    ///< A private key: group and others must have no access.
  kPassfile,  ///< File of libpq with passwords: access as for kSecret.
};

/// Reads a key or certificate file. Checks the mode of a non-public file on the open file.
/// Errors: kNotFound; kPermissionDenied (unreadable, or a secret that others may read);
/// kInvalidArgument (no regular file, or over kKeyFileBytesMax). All name the path.
absl::StatusOr<std::string> ReadKeyFile(const std::string& path, FileUse use);

/// Reads the single line of a file that contains only a password; never part of a message. Errors: those of
/// ReadKeyFile() for a passfile; kInvalidArgument: the file has no password, or more than one line.
absl::StatusOr<std::string> ReadPasswordFile(const std::string& path);

enum class ExistingFile { kRefuse, kReplace };

/// Writes a file completely or not at all, even if the power fails: a temporary
/// file beside it (0600 or 0644 from its first byte), fsync, rename, fsync of the folder.
/// Errors: kAlreadyExists (with kRefuse: the existing file is unchanged); kUnavailable for
/// every other error of the file system. The temporary file is removed in every case but a crash.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content, FileUse use,
                                 ExistingFile existing);

/// One of several files.
struct NewFile {
  std::string path;
  std::string_view content;
  FileUse use = FileUse::kSecret;
};

/// Writes files that belong together: all of them are written as temporary files before the first is renamed,
/// so that a missing or full folder leaves none. With kRefuse, files renamed before a failure are removed
/// again.
absl::Status WriteFilesAtomically(const std::vector<NewFile>& files, ExistingFile existing);

/// Removes the temporary files that a killed WriteFileAtomically() left beside `path`, and nothing else. No
/// other process may write `path` at the same time. Files that cannot be removed stay.
void RemoveTemporaries(const std::string& path);

enum class FolderUse {
  kPrivate,  ///< Only for the owner: 0700.
  kPassage,  ///< Others may open what they have access to, but not list: 0711.
};

/// Makes a folder if it is missing, with this mode for any umask. The parent must exist.
/// Errors: kUnavailable, naming it.
absl::Status MakeFolder(const std::string& path, FolderUse use = FolderUse::kPrivate);

/// Checks that a file can be made in this folder, or in the nearest existing folder above it; leaves nothing
/// behind. Errors: kFailedPrecondition, as half a sentence: the folder and the reason.
absl::Status TryFolder(const std::string& path);

/// Returns `path` if it exists and can be seen, otherwise the nearest folder above it that can be seen.
std::string NearestThere(const std::string& path);

/// Returns true if a file begins as a SQLite database; an empty one becomes one with its first table. Do not
/// use it for a file that this process has open with SQLite: closing it here releases the locks there.
bool LooksLikeSqlite(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_BASE_FILE_H_
