#ifndef MIRROR_SERVER_JOBS_IMPORT_CHILD_H_
#define MIRROR_SERVER_JOBS_IMPORT_CHILD_H_

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/wire/import_codec.h"
#include "proto/wire/import_frame.h"

namespace mirror {

struct ImportLimits {
  std::chrono::milliseconds time{600'000};  ///< From the start to the end, whoever keeps it waiting.
};

/// Where mirror-import is: beside this program, or in ../lib/partner-mirror seen from there. Errors:
/// kNotFound, naming both.
absl::StatusOr<std::string> FindImportProgram();

/// One run of mirror-import, the program that parses an uploaded file behind walls of its own, and what it
/// says. All of that is taken as from a stranger. It dies with this object, and with the thread that called
/// Start().
///
/// Memory: a frame, and what it becomes: some megabytes, whatever the file is. What nobody asks for with
/// Next() waits in the pipe and holds the program up.
/// Threads: one at a time; any number of objects beside each other.
class ImportChild {
 public:
  /// `file`: open for reading, a regular file; it is read from its beginning through this descriptor, whose
  /// place moves; it may be closed at once. Errors: kUnavailable: the program cannot be started.
  static absl::StatusOr<std::unique_ptr<ImportChild>> Start(const std::string& program, int file,
                                                            const ImportLimits& limits = {});
  /// As Stop().
  ~ImportChild();
  ImportChild(const ImportChild&) = delete;
  ImportChild& operator=(const ImportChild&) = delete;

  /// The next piece, in the order of the file: a header, then rows with seq 1, 2, ..., rejects and progress,
  /// then an end; or an end alone. The same file always gives the same rows with the same numbers. Absent:
  /// nothing came within `timeout`. What a piece shows is valid until the next call.
  ///
  /// An ImportEnd is the last piece, given when the program has ended and been waited for; it says by itself
  /// why a file could not be read. Errors, each a sentence for people that begins with "the file could not be
  /// read", after which the program is gone, too:
  ///   kUnavailable        it was killed from outside: the same file may be read again
  ///   kDeadlineExceeded   it took longer than the limit
  ///   kResourceExhausted  it used up its processor time
  ///   kInternal           it broke off: the file, or the program, is not what it should be
  ///   kInvalidArgument    it said what an import does not say
  ///   kFailedPrecondition there is nothing more: an end, an error or Stop() came before
  absl::StatusOr<std::optional<ImportPiece>> Next(std::chrono::milliseconds timeout);

  /// Kills the program and waits for it. Harmless when it has ended.
  void Stop();

  /// For tests and for who counts processes; -1: it is gone.
  pid_t pid() const { return pid_; }

 private:
  using Clock = std::chrono::steady_clock;

  enum class Got { kBytes, kNothing, kClosed };

  ImportChild() = default;
  absl::Status Spawn(const std::string& program, int file);
  Got Read(Clock::time_point until);
  /// Behind the last byte.
  absl::StatusOr<std::optional<ImportPiece>> AtEnd();
  /// Waits for it, a little. False: it goes on.
  bool HasEnded();

  pid_t pid_ = -1;
  int pipe_ = -1;
  Clock::time_point deadline_;
  ImportFrames frames_;
  std::optional<ImportEnd> end_;  ///< Came, and waits for the program's own end.
  bool is_over_ = false;
  int how_ = 0;  ///< As waitpid() says it.
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_IMPORT_CHILD_H_
