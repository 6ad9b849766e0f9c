#ifndef MIRROR_CLIENT_WIRE_STAGING_FILE_H_
#define MIRROR_CLIENT_WIRE_STAGING_FILE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/reader.h"

namespace mirror {

/// A file for rows that were read and are not sent yet. It has no name
/// while it exists, so nothing is left of it, however the process ends.
/// Threads: one that appends; one that reads what was appended.
class StagingFile {
 public:
  /// Maximum bytes of the file; it also takes at most half of the free disk space.
  static constexpr std::uint64_t kBytesMax = 4ULL << 30;

  struct Place {
    std::uint64_t at = 0, size = 0, hash = 0;
  };

  /// `path`: where it is made; an existing file there is removed. Errors: kUnavailable.
  static absl::StatusOr<std::unique_ptr<StagingFile>> Make(const std::string& path,
                                                           std::uint64_t bytes_max = kBytesMax);
  ~StagingFile();
  StagingFile(const StagingFile&) = delete;
  StagingFile& operator=(const StagingFile&) = delete;

  /// Errors: kResourceExhausted: the file or the disk is full. Earlier contents stay.
  absl::StatusOr<Place> Append(std::string_view bytes);
  /// Errors: kDataLoss: the bytes differ from those appended.
  absl::StatusOr<std::string> Read(const Place& place) const;
  /// Discards the contents: none of it will be read any more.
  void Clear();

 private:
  StagingFile(int file, std::uint64_t bytes_max) : file_(file), bytes_max_(bytes_max) {}

  const int file_;
  const std::uint64_t bytes_max_;
  std::uint64_t end_ = 0;
};

/// Converts blocks to bytes for this process alone, and back. Absent: the bytes are not of these.
std::string ToBytes(const std::vector<ChangeBlock>& blocks);
std::optional<std::vector<ChangeBlock>> BlocksOf(std::string_view bytes);

}  // namespace mirror

#endif  // MIRROR_CLIENT_WIRE_STAGING_FILE_H_
