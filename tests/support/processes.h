#ifndef MIRROR_TESTS_SUPPORT_PROCESSES_H_
#define MIRROR_TESTS_SUPPORT_PROCESSES_H_

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror {

/// Long enough for a sanitized build on a busy machine: who waits this long has found an error.
inline constexpr std::chrono::seconds kPatience{60};

struct ProcessOptions {
  std::string program;  ///< Path.
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  ///< "NAME=value", beside this process' own.
  std::string stdout_file;               ///< Copies of what it writes; empty: none is kept on disk.
  std::string stderr_file;               ///< Required.
};

/// From the first line on in which a sanitizer speaks; empty: none does.
std::string SanitizerWords(std::string_view errors);

/// One run of a real program. It dies with its object, and with this process: start it from a thread that
/// lives as long. What a sanitizer wrote on its standard error fails the test, however the program ended.
class Process {
 public:
  static absl::StatusOr<std::unique_ptr<Process>> Start(const ProcessOptions& options);
  ~Process();  ///< SIGKILL if it still runs.
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// The first line of its standard output that begins with `prefix`. Errors: kDeadlineExceeded;
  /// kUnavailable when the output ended before. Both with what was written instead, standard error included.
  absl::StatusOr<std::string> WaitForLine(std::string_view prefix,
                                          std::chrono::milliseconds patience = kPatience);

  void Signal(int signal);
  /// The exit code; 128 + signal when one ended it. Errors: kDeadlineExceeded: it still runs.
  absl::StatusOr<int> Wait(std::chrono::milliseconds patience = kPatience);

  pid_t pid() const { return pid_; }
  bool running();
  std::string Output() const;  ///< Standard output so far.
  std::string Errors() const;  ///< Standard error so far.

  /// Highest resident memory so far, in bytes (VmHWM). 0 when it is not running.
  std::uint64_t PeakMemory() const;

 private:
  Process() = default;
  void ReadOutput(int pipe, const std::string& file);
  void HasEnded();

  pid_t pid_ = -1;
  int pid_file_ = -1;  ///< Becomes readable when it ends.
  int exit_code_ = -1;
  bool ended_ = false;
  std::string stderr_file_;
  std::size_t stderr_before_ = 0;  ///< Bytes in it that are of others.
  mutable std::mutex mutex_;
  std::condition_variable written_;
  std::string output_;
  bool output_ended_ = false;
  std::thread reader_;
};

struct Finished {
  int exit_code = -1;
  std::string output, errors;
  std::size_t width = 0;  ///< Characters of the longest line of both, as it came.
};
/// Runs a program to its end. Lines that it wrapped for a terminal are whole again (see Unwrapped()). Exit
/// code -1: it could not be started or did not end; `errors` says why.
Finished RunProgram(const std::string& program, const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment = {});

/// A text with the lines that WrappedLine() broke in one piece again; all others stay.
std::string Unwrapped(const std::string& text);

/// The whole file; empty when it cannot be read.
std::string ReadFileText(const std::string& path);
void WriteFileText(const std::string& path, std::string_view text);

/// An empty folder that goes with its object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }
  /// The path of `name` in it.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  /// Names of the files and folders that are directly in it.
  std::set<std::string> Names() const;

 private:
  std::string path_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_PROCESSES_H_
