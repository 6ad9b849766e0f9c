#include "server/store/sqlite/file/early_writing.h"

#include <fcntl.h>

#include <cerrno>

namespace mirror {
namespace {

/// Of the system. One that is written again at once would go to the disk twice.
constexpr std::int64_t kSystemPageBytes = 4'096;

/// Else nothing was begun, and the sync does all.
bool LosesPages(int error) {
  return error != ESPIPE && error != EINVAL && error != ENOSYS && error != EPERM && error != ENOMEM;
}

}  // namespace

bool EarlyWriting::Wrote(std::int64_t from, std::int64_t size) {
  if (from != end_) begin_ = (from + kSystemPageBytes - 1) / kSystemPageBytes * kSystemPageBytes;
  end_ = from + size;
  const std::int64_t whole = end_ / kSystemPageBytes * kSystemPageBytes;
  if (file_ < 0 || whole - begin_ < step_) return true;
  const int failed = sync_file_range(file_, begin_, whole - begin_, SYNC_FILE_RANGE_WRITE);
  begin_ = whole;
  return failed == 0 || !LosesPages(errno);
}

}  // namespace mirror
