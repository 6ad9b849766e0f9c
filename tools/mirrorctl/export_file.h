#ifndef MIRROR_TOOLS_MIRRORCTL_EXPORT_FILE_H_
#define MIRROR_TOOLS_MIRRORCTL_EXPORT_FILE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"

namespace mirror {

/// A file that gets its name only when it is complete. Until then it is PATH.part in the same folder, and
/// only its owner can read it. The destructor removes an unfinished file. The next export to the same path
/// overwrites a file that a killed program left.
class ExportFile {
 public:
  /// Errors: kAlreadyExists: `path` exists and must not be replaced; kFailedPrecondition: `path` is no file,
  /// or another program is writing PATH.part; kUnavailable: the file system refused an operation.
  static absl::StatusOr<std::unique_ptr<ExportFile>> Begin(const std::string& path, ExistingFile existing);
  ~ExportFile();
  ExportFile(const ExportFile&) = delete;
  ExportFile& operator=(const ExportFile&) = delete;

  absl::Status Write(std::string_view bytes);
  /// Flushes the file to disk, then renames it. Errors: also kAlreadyExists: `path` was created meanwhile.
  absl::Status Finish();

 private:
  ExportFile(std::string path, ExistingFile existing, int file)
      : path_(std::move(path)), existing_(existing), file_(file) {}

  const std::string path_;
  const ExistingFile existing_;
  const int file_;
  bool is_finished_ = false;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_EXPORT_FILE_H_
