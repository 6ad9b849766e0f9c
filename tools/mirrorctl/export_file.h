#ifndef MIRROR_TOOLS_MIRRORCTL_EXPORT_FILE_H_
#define MIRROR_TOOLS_MIRRORCTL_EXPORT_FILE_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"

namespace mirror {

/// A file that has its name when it is whole, and not before: until then it is PATH.part beside, for the
/// owner alone. What is not finished is removed with this object; what a killed program left is written over
/// by the next one of the same name.
class ExportFile {
 public:
  /// Errors: kAlreadyExists: something is at `path`, and it was not to be replaced; kFailedPrecondition: it
  /// is no file, or another program is writing PATH.part; kUnavailable: what the file system refuses.
  static absl::StatusOr<std::unique_ptr<ExportFile>> Begin(const std::string& path, ExistingFile existing);
  ~ExportFile();
  ExportFile(const ExportFile&) = delete;
  ExportFile& operator=(const ExportFile&) = delete;

  absl::Status Write(std::string_view bytes);
  /// Durable, then under its name. Errors: kAlreadyExists, too: somebody made it meanwhile.
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
