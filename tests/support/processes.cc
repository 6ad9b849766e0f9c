#include "tests/support/processes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/text/wrapped_text.h"

// glibc 2.36 declares its functions without C linkage.
extern "C" {
#include <sys/pidfd.h>
}

extern char** environ;

namespace mirror {
namespace {

/// Ends a program with the test that started it, however that ends.
constexpr char kGuard[] = "/usr/bin/setpriv";

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

constexpr std::size_t kReportMax = 8'000;

int ExitCode(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

std::string SanitizerWords(std::string_view errors) {
  std::size_t first = std::string_view::npos;
  for (const std::string_view word : {"Sanitizer:", "Sanitizer failed", ": runtime error: "}) {
    first = std::min(first, errors.find(word));
  }
  if (first == std::string_view::npos) return "";
  const std::size_t line = errors.rfind('\n', first);
  return std::string(errors.substr(line == std::string_view::npos ? 0 : line + 1, kReportMax));
}

absl::StatusOr<std::unique_ptr<Process>> Process::Start(const ProcessOptions& options) {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0)
    return absl::UnavailableError(absl::StrCat("pipe: ", strerror(errno)));

  std::vector<std::string> arguments = {kGuard, "--pdeathsig", "KILL", "--", options.program};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = options.environment;
  for (char** variable = environ; *variable != nullptr; ++variable) environment.emplace_back(*variable);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, options.stderr_file.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  std::unique_ptr<Process> process(new Process);
  std::error_code none;
  const std::uintmax_t before = std::filesystem::file_size(options.stderr_file, none);
  process->stderr_before_ = none ? 0 : before;
  const int code = posix_spawn(&process->pid_, kGuard, &actions, nullptr, Pointers(arguments).data(),
                               Pointers(environment).data());
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_ends[1]);
  if (code != 0) {
    close(pipe_ends[0]);
    process->ended_ = true;
    return absl::UnavailableError(absl::StrCat("starting ", options.program, ": ", strerror(code)));
  }
  process->pid_file_ = pidfd_open(process->pid_, 0);
  process->stderr_file_ = options.stderr_file;
  process->reader_ = std::thread(&Process::ReadOutput, process.get(), pipe_ends[0], options.stdout_file);
  return process;
}

Process::~Process() {
  if (!ended_) {
    kill(pid_, SIGKILL);
    int status = 0;
    waitpid(pid_, &status, 0);
    HasEnded();
  }
  if (reader_.joinable()) reader_.join();
  if (pid_file_ >= 0) close(pid_file_);
}

void Process::ReadOutput(int pipe, const std::string& file) {
  std::ofstream copy;
  if (!file.empty()) copy.open(file, std::ios::binary | std::ios::app);
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(pipe, buffer, sizeof(buffer))) > 0 || (count < 0 && errno == EINTR)) {
    if (count < 0) continue;
    const std::string_view text(buffer, static_cast<std::size_t>(count));
    copy << text << std::flush;
    const std::lock_guard lock(mutex_);
    output_ += text;
    written_.notify_all();
  }
  close(pipe);
  const std::lock_guard lock(mutex_);
  output_ended_ = true;
  written_.notify_all();
}

absl::StatusOr<std::string> Process::WaitForLine(std::string_view prefix,
                                                 std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::unique_lock lock(mutex_);
  while (true) {
    for (std::size_t begin = 0, end = 0; (end = output_.find('\n', begin)) != std::string::npos;
         begin = end + 1) {
      const std::string_view line = std::string_view(output_).substr(begin, end - begin);
      if (line.starts_with(prefix)) return std::string(line);
    }
    const std::string seen = absl::StrCat("'", std::string(prefix), "' was not written. Output: ", output_,
                                          "\nErrors: ", ReadFileText(stderr_file_));
    if (output_ended_) return absl::UnavailableError(seen);
    if (written_.wait_until(lock, deadline) == std::cv_status::timeout)
      return absl::DeadlineExceededError(seen);
  }
}

void Process::Signal(int signal) {
  if (!ended_) kill(pid_, signal);
}

absl::StatusOr<int> Process::Wait(std::chrono::milliseconds patience) {
  if (ended_) return exit_code_;
  pollfd waited = {pid_file_, POLLIN, 0};
  const auto deadline = std::chrono::steady_clock::now() + patience;
  int ready = 0;
  do {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    ready = poll(&waited, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return absl::DeadlineExceededError(absl::StrCat("process ", pid_, " still runs"));
  int status = 0;
  waitpid(pid_, &status, 0);
  ended_ = true;
  exit_code_ = ExitCode(status);
  HasEnded();
  reader_.join();
  return exit_code_;
}

void Process::HasEnded() {
  const std::string errors = Errors();
  const std::string words =
      SanitizerWords(std::string_view(errors).substr(std::min(stderr_before_, errors.size())));
  if (!words.empty()) ADD_FAILURE() << "a sanitizer in a program that this test started:\n" << words;
}

bool Process::running() { return !ended_ && !Wait(std::chrono::milliseconds(0)).ok(); }

std::string Process::Output() const {
  const std::lock_guard lock(mutex_);
  return output_;
}

std::string Process::Errors() const { return ReadFileText(stderr_file_); }

std::uint64_t Process::PeakMemory() const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

namespace {

/// With an empty one behind the last end.
std::vector<std::string> LinesOf(const std::string& text) { return absl::StrSplit(text, '\n'); }

}  // namespace

Finished RunProgram(const std::string& program, const std::vector<std::string>& arguments,
                    const std::vector<std::string>& environment) {
  const TempFolder folder;
  ProcessOptions options{program, arguments, environment, "", folder.path() + "/errors"};
  Finished finished;
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  if (!process.ok()) {
    finished.errors = process.status().ToString();
    return finished;
  }
  const absl::StatusOr<int> code = (*process)->Wait();
  finished.output = (*process)->Output();
  finished.errors = (*process)->Errors();
  for (std::string* const text : {&finished.output, &finished.errors}) {
    for (const std::string& line : LinesOf(*text)) {
      finished.width = std::max(finished.width, CharactersOf(line));
    }
    *text = Unwrapped(*text);
  }
  if (code.ok()) {
    finished.exit_code = *code;
  } else {
    finished.errors += code.status().ToString();
  }
  return finished;
}

std::string Unwrapped(const std::string& text) {
  std::vector<std::string> whole;
  std::string broken;  // The last of `whole` as it came.
  for (const std::string& line : LinesOf(text)) {
    const std::size_t begin = line.find_first_not_of(' ');
    if (!whole.empty() && begin != 0 && begin != std::string::npos) {
      const std::string longer = absl::StrCat(whole.back(), " ", line.substr(begin));
      const std::string both = absl::StrCat(broken, "\n", line);
      if (WrappedLine(longer) == both) {
        whole.back() = longer;
        broken = both;
        continue;
      }
    }
    whole.push_back(line);
    broken = line;
  }
  return absl::StrJoin(whole, "\n");
}

std::string ReadFileText(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void WriteFileText(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

TempFolder::TempFolder() {
  path_ = (std::filesystem::temp_directory_path() / "mirror-test-XXXXXX").string();
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

std::set<std::string> TempFolder::Names() const {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) names.insert(entry.path().filename());
  return names;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace mirror
