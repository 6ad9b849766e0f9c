#include "server/store/sqlite/file/early_writing.h"

#include <fcntl.h>
#include <unistd.h>

namespace mirror {

void EarlyWriting::Wrote(std::int64_t from, std::int64_t size) {
  if (from != end_) begin_ = from;
  end_ = from + size;
  if (end_ - begin_ < kStepBytes) return;
  if (file_ < 0) file_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file_ >= 0) sync_file_range(file_, begin_, end_ - begin_, SYNC_FILE_RANGE_WRITE);
  begin_ = end_;
}

void EarlyWriting::End() {
  if (file_ >= 0) close(file_);
  file_ = -1;
  begin_ = end_ = 0;
}

}  // namespace mirror
