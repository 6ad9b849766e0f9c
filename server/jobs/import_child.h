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
  std::chrono::milliseconds time{600'000};  ///< From start to end, including all waiting.
};

/// Returns the path of mirror-import: beside this program, or in ../lib/partner-mirror
/// relative to it. Errors: kNotFound, naming both.
absl::StatusOr<std::string> FindImportProgram();

/// One run of mirror-import, the isolated program that parses an uploaded file, and its output. The output is
/// treated as a stranger's. The program ends with this object, and with the thread that called Start().
///
/// Memory: one frame and its decoded form: some megabytes, whatever the file is. Output that no call of
/// Next() has read waits in the pipe and stops the program.
/// Threads: one at a time; any number of objects beside each other.
class ImportChild {
 public:
  /// Starts the program. `file`: open for reading, a regular file. It is read from its beginning through this
  /// descriptor, whose offset moves. The caller may close it at once. Errors: kUnavailable: the program
  /// cannot be started.
  static absl::StatusOr<std::unique_ptr<ImportChild>> Start(const std::string& program, int file,
                                                            const ImportLimits& limits = {});
  /// Does Stop().
  ~ImportChild();
  ImportChild(const ImportChild&) = delete;
  ImportChild& operator=(const ImportChild&) = delete;

  /// Returns the next piece, in the order of the file: a header, then rows with seq 1, 2, ..., rejects and
  /// progress, then an end; or an end alone. The same file always gives the same rows with the same numbers.
  /// Absent: nothing came within `timeout`. A piece's content is valid until the next call.
  ///
  /// An ImportEnd is the last piece, returned when the program has ended and was waited for; it says
  /// itself why a file could not be read. Errors, each a sentence for people that begins with "the file
  /// could not be read", after which the program has ended, too:
  ///   kUnavailable        it was killed from outside: the same file may be read again
  ///   kDeadlineExceeded   it took longer than the limit
  ///   kResourceExhausted  it used up its processor time
  ///   kInternal           it stopped early: the file, or the program, is not what it should be
  ///   kInvalidArgument    it sent something that an import never sends
  ///   kFailedPrecondition there is nothing more: an end, an error or Stop() came before
  absl::StatusOr<std::optional<ImportPiece>> Next(std::chrono::milliseconds timeout);

  /// Kills the program and waits for its end. Does nothing if it has ended.
  void Stop();

  /// For tests and for counting processes; -1: it has ended.
  pid_t pid() const { return pid_; }

 private:
  using Clock = std::chrono::steady_clock;

  enum class Got { kBytes, kNothing, kClosed };

  ImportChild() = default;
  absl::Status Spawn(const std::string& program, int file);
  Got Read(Clock::time_point until);
  /// Handles the end of the pipe.
  absl::StatusOr<std::optional<ImportPiece>> AtEnd();
  /// Waits a short time for the end of the program. Returns false if it still runs.
  bool HasEnded();

  pid_t pid_ = -1;
  int pipe_ = -1;
  Clock::time_point deadline_;
  ImportFrames frames_;
  std::optional<ImportEnd> end_;  ///< Received; the program has not ended yet.
  bool is_over_ = false;
  int how_ = 0;  ///< The status from waitpid().
};

}  // namespace mirror

#endif  // MIRROR_SERVER_JOBS_IMPORT_CHILD_H_
