#include "client/sending/staging_file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace mirror {

absl::StatusOr<std::unique_ptr<StagingFile>> StagingFile::Make(const std::string& path,
                                                               std::uint64_t bytes_max) {
  // It may be that of a run that was killed before it took the name away; a link is nobody's of ours.
  unlink(path.c_str());
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    return absl::UnavailableError(absl::StrCat("'", path, "' cannot be made: ", std::strerror(errno)));
  }
  unlink(path.c_str());
  struct statvfs disk = {};
  if (fstatvfs(file, &disk) == 0) {
    const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    bytes_max = std::min(bytes_max, free / 2);
  }
  return std::unique_ptr<StagingFile>(new StagingFile(file, bytes_max));
}

StagingFile::~StagingFile() { close(file_); }

absl::StatusOr<StagingFile::Place> StagingFile::Append(std::string_view bytes) {
  if (end_ + bytes.size() > bytes_max_)
    return absl::ResourceExhaustedError("the limit of staged rows is reached");
  const Place place{end_, bytes.size(), XXH3_64bits(bytes.data(), bytes.size())};
  for (std::uint64_t at = end_; !bytes.empty();) {
    const ssize_t written = pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const std::string error = std::strerror(errno);
      // Others need the room that is left.
      (void)!ftruncate(file_, static_cast<off_t>(end_));
      return absl::ResourceExhaustedError(absl::StrCat("staging rows: ", error));
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::uint64_t>(written);
  }
  end_ += place.size;
  return place;
}

absl::StatusOr<std::string> StagingFile::Read(const Place& place) const {
  std::string bytes(place.size, '\0');
  for (std::uint64_t done = 0; done < place.size;) {
    const ssize_t got =
        pread(file_, bytes.data() + done, place.size - done, static_cast<off_t>(place.at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<std::uint64_t>(got);
  }
  if (XXH3_64bits(bytes.data(), bytes.size()) == place.hash) return bytes;
  return absl::DataLossError(
      "rows that waited on the agent's disk were read back changed. Nothing of the table is committed; look "
      "at the disk of 'state_dir', and run again");
}

void StagingFile::Clear() {
  end_ = 0;
  // Without effect it is written over.
  (void)!ftruncate(file_, 0);
}

}  // namespace mirror
