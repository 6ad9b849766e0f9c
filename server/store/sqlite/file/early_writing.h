#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_EARLY_WRITING_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_EARLY_WRITING_H_

#include <cstdint>

namespace mirror {

/// Has the disk begin with what is written to a file while more of it comes, so that the sync at the end
/// waits for less (docs/decisions/0073). What is durable that sync alone tells. Threads: one at a time.
class EarlyWriting {
 public:
  /// Of the file at `path`, which outlives this: each `step` bytes that were written one behind the other. It
  /// is open from the first step until End(), and the system then drops the locks that this process has on
  /// it: it has to be a file without, or one that SQLite closes next.
  EarlyWriting(const char* path, std::int64_t step) : path_(path), step_(step) {}
  ~EarlyWriting() { End(); }
  EarlyWriting(const EarlyWriting&) = delete;
  EarlyWriting& operator=(const EarlyWriting&) = delete;

  /// `size` bytes were written at `from`. False: the disk refused what it was to begin with, errno says why.
  /// The system may have dropped it then, and tell no later sync.
  bool Wrote(std::int64_t from, std::int64_t size);
  void End();

 private:
  const char* const path_;
  const std::int64_t step_;
  int file_ = -1;
  std::int64_t begin_ = 0, end_ = 0;  ///< What is not begun yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_EARLY_WRITING_H_
