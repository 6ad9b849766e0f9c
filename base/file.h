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

/// A descriptor that closes itself; below 0: nothing is open. Not of a file that SQLite has open at its end:
/// the system then drops all locks of this process on it.
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

/// Bytes; a larger file is no key and no certificate.
inline constexpr std::size_t kKeyFileBytesMax = 256 * 1024;

enum class FileUse {
  kPublic,    ///< Anybody may read it: a certificate.
  kSecret,    ///< A private key: group and others may have no right to it.
  kPassfile,  ///< libpq's, with passwords: the same.
};

/// Reads a key or certificate file. The mode of one that is not public is checked on the open file.
/// Errors: kNotFound; kPermissionDenied (cannot be read, or a secret that others may read);
/// kInvalidArgument (no regular file, or over kKeyFileBytesMax). All name the path.
absl::StatusOr<std::string> ReadKeyFile(const std::string& path, FileUse use);

/// The one line of a file that holds a password and nothing else; it is in no message. Errors: those of
/// ReadKeyFile() for a passfile; kInvalidArgument: it holds none, or more than that.
absl::StatusOr<std::string> ReadPasswordFile(const std::string& path);

enum class ExistingFile { kRefuse, kReplace };

/// Writes a file so that it is there whole or not at all, even if the power fails: a temporary
/// file beside it (0600 or 0644 from its first byte), fsync, rename, fsync of the folder.
/// Errors: kAlreadyExists (with kRefuse: the file that is there is untouched); kUnavailable for
/// everything the file system refuses. The temporary file is removed in every case but a crash.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content, FileUse use,
                                 ExistingFile existing);

/// One of several files.
struct NewFile {
  std::string path;
  std::string_view content;
  FileUse use = FileUse::kSecret;
};

/// The same for files that belong together: all of them stand as temporary files before the first gets its
/// name, so that a folder that is missing or full leaves none. With kRefuse, those that got their names
/// before one that failed are removed again.
absl::Status WriteFilesAtomically(const std::vector<NewFile>& files, ExistingFile existing);

/// Removes the temporary files that a killed WriteFileAtomically() left beside `path`, and nothing else. Only
/// where nobody else writes it at the time. What cannot be removed stays.
void RemoveTemporaries(const std::string& path);

enum class FolderUse {
  kPrivate,  ///< For the owner alone: 0700.
  kPassage,  ///< Others may go through to what is open to them, and list nothing: 0711.
};

/// Makes a folder unless it is there, with that mode whatever the umask is. The parent must exist.
/// Errors: kUnavailable, naming it.
absl::Status MakeFolder(const std::string& path, FolderUse use = FolderUse::kPrivate);

/// Whether something can be made in this folder, or in the nearest above it that is there; leaves nothing
/// behind. Errors: kFailedPrecondition, as half a sentence: where nothing can be made, and why.
absl::Status TryFolder(const std::string& path);

/// The complete path, or where it is not there or cannot be seen the nearest folder above it that can.
std::string NearestThere(const std::string& path);

/// Whether a file begins as a SQLite database; an empty one becomes one with its first table. Not for a file
/// that this process has open with SQLite: closing it here gives up the locks there.
bool LooksLikeSqlite(const std::string& path);

}  // namespace mirror

#endif  // MIRROR_BASE_FILE_H_
