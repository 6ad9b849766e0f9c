#ifndef MIRROR_CLIENT_STATE_LOCK_FILE_H_
#define MIRROR_CLIENT_STATE_LOCK_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mirror {

/// `<state_dir>/<context_id>.lock`: one agent at a time for a tenant, and the holder id of its cycle.
///
/// The operating system's lock (fcntl, of the open file) ends with the process, however it ends. The holder
/// id stays in the file from before Authenticate until ReplicationCompleted; an id that is found there is
/// that of a cycle which died, and who has the lock may take that cycle over.
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
    kCutOff,  ///< Free, but a cycle was left behind; the next run takes it over.
  };
  /// Leaves no trace, and disturbs nobody who acquires it meanwhile. No file is free.
  /// Errors: kUnavailable when it cannot be read.
  static absl::StatusOr<Look> LookAt(const std::string& state_dir, const std::string& context_id);

  /// Makes `state_dir` (not its parents) when it is not there.
  /// Errors: kUnavailable when another process has the lock, or the folder or file cannot be written.
  static absl::StatusOr<LockFile> Acquire(const std::string& state_dir, const std::string& context_id);

  /// `<state_dir>/.run.lock`: one `mirror-agent run` at a time in a folder; `once` beside it is free to.
  /// Errors: kUnavailable, as above.
  static absl::StatusOr<LockFile> AcquireFolder(const std::string& state_dir);

  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile();

  /// The id for the next Authenticate, on disk before this returns.
  absl::StatusOr<Holder> Begin();
  /// No cycle runs under the id any more.
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
