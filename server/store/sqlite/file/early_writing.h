#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_EARLY_WRITING_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_EARLY_WRITING_H_

#include <cstdint>

namespace mirror {

/// Has the disk begin with what is written to a file while more of it comes, so that the sync at the end
/// waits for less (docs/decisions/0073). What is durable that sync alone tells. Threads: one at a time.
class EarlyWriting {
 public:
  /// Of the file with descriptor `file`: each `step` bytes that were written one behind the other. Below 0:
  /// nothing begins.
  EarlyWriting(int file, std::int64_t step) : file_(file), step_(step) {}

  /// `size` bytes were written at `from`. False: the disk refused what it was to begin with, errno says why.
  /// The system may have dropped it then, and tell no later sync.
  bool Wrote(std::int64_t from, std::int64_t size);
  /// What comes is counted anew.
  void End() { begin_ = end_ = 0; }

 private:
  int file_;
  std::int64_t step_;
  std::int64_t begin_ = 0, end_ = 0;  ///< What is not begun yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_EARLY_WRITING_H_
