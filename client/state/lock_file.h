#ifndef MIRROR_CLIENT_STATE_LOCK_FILE_H_
#define MIRROR_CLIENT_STATE_LOCK_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// `<state_dir>/<context_id>.lock`: one agent at a time for a tenant, and the holder id of its cycle.
///
/// The operating system's lock (fcntl, of the open file) ends with the process, however that ends.
/// The holder id is in the file from before Authenticate until ReplicationCompleted. An id that is
/// found there belongs to a cycle that died; the process with the lock may take that cycle over.
///
/// Threads: one.
class LockFile {
 public:
  struct Holder {
    std::string id;  ///< 32 characters.
    bool take_over = false;
  };

  enum class Look {
    kFree,
    kHeld,    ///< An agent is at work.
    kCutOff,  ///< Free, but a cycle did not end; the next run takes it over.
  };
  /// Returns the state of a lock. Leaves no trace, and does not disturb a process that acquires the lock
  /// meanwhile. No file: kFree.
  /// Errors: kUnavailable when it cannot be read.
  static absl::StatusOr<Look> LookAt(const std::string& state_dir, const std::string& context_id);

  /// Makes `state_dir` (not its parents) if it is missing.
  /// Errors: kUnavailable when another process has the lock, or the folder or file cannot be written.
  static absl::StatusOr<LockFile> Acquire(const std::string& state_dir, const std::string& context_id);

  /// `<state_dir>/.run.lock`: one `mirror-agent run` at a time in a folder; `once` may work beside it.
  /// Errors: kUnavailable, as above.
  static absl::StatusOr<LockFile> AcquireFolder(const std::string& state_dir);

  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

  /// Returns the id for the next Authenticate; it is on disk before this returns.
  absl::StatusOr<Holder> Begin();
  /// Records that no cycle uses the id any more.
  absl::Status End();

 private:
  static absl::StatusOr<LockFile> AcquirePath(const std::string& path, const std::string& who);
  LockFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  absl::Status Write(const std::string& content);

  std::string path_;
  int file_ = -1;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_STATE_LOCK_FILE_H_
