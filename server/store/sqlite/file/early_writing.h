#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_EARLY_WRITING_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_EARLY_WRITING_H_

#include <cstdint>
#include <string>
#include <utility>

namespace mirror {

/// Has the disk begin with the pages of a large transaction while more of them come, so that the sync at its
/// end waits for less (docs/decisions/0073). It promises nothing: what is durable, and what failed, that sync
/// tells, as ever. Threads: one at a time.
class EarlyWriting {
 public:
  /// So many bytes at a time. A transaction of fewer is left to its sync.
  static constexpr std::int64_t kStepBytes = 512 << 10;

  /// Of the file at `path`, which has to be none with locks: the system drops a process's locks of a file
  /// when the process closes any descriptor of it.
  explicit EarlyWriting(std::string path) : path_(std::move(path)) {}
  ~EarlyWriting() { End(); }
  EarlyWriting(const EarlyWriting&) = delete;
  EarlyWriting& operator=(const EarlyWriting&) = delete;

  /// The transaction has written `size` bytes at `from`.
  void Wrote(std::int64_t from, std::int64_t size);
  /// The transaction is over. Holds no descriptor until the next one.
  void End();

 private:
  const std::string path_;
  int file_ = -1;
  std::int64_t begin_ = 0, end_ = 0;  ///< What was written one behind the other, and is not begun yet.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_EARLY_WRITING_H_
