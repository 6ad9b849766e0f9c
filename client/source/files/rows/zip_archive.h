#ifndef MIRROR_CLIENT_SOURCE_FILES_ROWS_ZIP_ARCHIVE_H_
#define MIRROR_CLIENT_SOURCE_FILES_ROWS_ZIP_ARCHIVE_H_

#include <zip.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace mirror {

/// A zip archive that is read through a descriptor, and asks the system for nothing but its bytes: no name,
/// no second descriptor.
class ZipArchive {
 public:
  /// `file`: closed with the archive, and before an error. Errors: kInvalidArgument: it is none;
  /// kResourceExhausted: memory.
  static absl::StatusOr<std::unique_ptr<ZipArchive>> Open(int file);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  zip_t* get() const { return archive_; }
  /// Index of the first member with this name, by FoldPartName(). Absent: there is none.
  std::optional<zip_uint64_t> Find(const std::string& part) const;
  /// Some of them more than once.
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  explicit ZipArchive(int file) : file_(file) {}
  static zip_int64_t Answer(void* self, void* data, zip_uint64_t size, zip_source_cmd_t command);
  zip_int64_t Read(void* data, zip_uint64_t size);

  const int file_;
  std::uint64_t size_ = 0, at_ = 0, bytes_read_ = 0;
  zip_error_t error_{};
  zip_t* archive_ = nullptr;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_FILES_ROWS_ZIP_ARCHIVE_H_
