#include "server/jobs/import_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/spawn.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kPieceBytes = 64 << 10;
constexpr int kPipeBytes = 1 << 20;
/// Time for a program that has sent everything, or closed its pipe, to end.
constexpr milliseconds kPatienceAtEnd{2'000};
constexpr char kUnread[] = "the file could not be read: ";

int PollTime(std::chrono::steady_clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 3'600'000));
}

absl::Status HowItEnded(int how) {
  if (WIFEXITED(how)) {
    return absl::InternalError(absl::StrCat(kUnread, "the program that parses it ended with code ",
                                            WEXITSTATUS(how), " before it was done"));
  }
  const int signal = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
  if (signal == SIGKILL) {
    return absl::UnavailableError(absl::StrCat(
        kUnread,
        "the program that parses it was killed, by somebody or for lack of memory; it may be tried again"));
  }
  if (signal == SIGXCPU) {
    return absl::ResourceExhaustedError(
        absl::StrCat(kUnread, "it took too much processor time: split the file"));
  }
  return absl::InternalError(absl::StrCat(kUnread, "the program that parses it crashed (signal ", signal,
                                          ", ", strsignal(signal), ")"));
}

}  // namespace

absl::StatusOr<std::string> FindImportProgram() {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path folder = own.parent_path();
  const std::string beside = folder / "mirror-import";
  const std::string installed = (folder / "../lib/partner-mirror/mirror-import").lexically_normal();
  for (const std::string& path : {beside, installed}) {
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return absl::NotFoundError(
      absl::StrCat("mirror-import is neither '", beside, "' nor '", installed, "': install it again"));
}

absl::StatusOr<std::unique_ptr<ImportChild>> ImportChild::Start(const std::string& program, int file,
                                                                const ImportLimits& limits) {
  std::unique_ptr<ImportChild> child(new ImportChild);
  RETURN_IF_ERROR(child->Spawn(program, file));
  child->deadline_ = Clock::now() + limits.time;
  return child;
}

absl::Status ImportChild::Spawn(const std::string& program, int file) {
  const auto refused = [](int error) {
    return absl::UnavailableError(absl::StrCat(kUnread, "the program that parses it could not be started (",
                                               std::strerror(error), "); try it again"));
  };
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return refused(errno);
  pipe_ = ends[0];
  // A large pipe lets the program work during a commit; if that is not allowed, it waits more often.
  fcntl(pipe_, F_SETPIPE_SZ, kPipeBytes);
  const int failed = SpawnAlone(program, file, ends[1], {"mirror-import"}, {}, &pid_);
  close(ends[1]);
  if (failed == 0) return absl::OkStatus();
  pid_ = -1;
  return refused(failed);
}

ImportChild::~ImportChild() { Stop(); }

void ImportChild::Stop() {
  is_over_ = true;
  if (pipe_ >= 0) close(std::exchange(pipe_, -1));
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, &how_, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

absl::StatusOr<std::optional<ImportPiece>> ImportChild::Next(milliseconds timeout) {
  if (is_over_) return absl::FailedPreconditionError("the import is over: nothing more comes of it");
  Clock::time_point until = std::min(Clock::now() + timeout, deadline_);
  for (;;) {
    absl::StatusOr<std::optional<ImportPiece>> piece = frames_.Next();
    if (!piece.ok()) {
      Stop();
      return absl::InvalidArgumentError(absl::StrCat(
          kUnread, "the program that parses it sent an invalid message (", piece.status().message(), ")"));
    }
    if (piece->has_value()) {
      if (!std::holds_alternative<ImportEnd>(**piece)) return piece;
      end_ = std::get<ImportEnd>(**std::move(piece));
      until = Clock::now() + kPatienceAtEnd;
      continue;
    }
    switch (Read(until)) {
      case Got::kBytes:
        continue;
      case Got::kClosed:
        return AtEnd();
      case Got::kNothing:
        if (end_) return AtEnd();
        if (Clock::now() < deadline_) return std::nullopt;
        Stop();
        return absl::DeadlineExceededError(
            absl::StrCat(kUnread, "it took longer than allowed: split it, or save a workbook as CSV"));
    }
  }
}

ImportChild::Got ImportChild::Read(Clock::time_point until) {
  std::array<char, kPieceBytes> bytes;
  for (;;) {
    pollfd wait{pipe_, POLLIN, 0};
    const int ready = poll(&wait, 1, PollTime(until));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0 && Clock::now() < until) continue;
    // A program that never stops writing has no more time than others.
    if (ready <= 0 || Clock::now() >= deadline_) return Got::kNothing;
    const ssize_t got = read(pipe_, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Got::kClosed;
    frames_.Append({bytes.data(), static_cast<std::size_t>(got)});
    return Got::kBytes;
  }
}

absl::StatusOr<std::optional<ImportPiece>> ImportChild::AtEnd() {
  const bool ended = HasEnded();
  Stop();
  if (end_) return std::optional<ImportPiece>(*std::move(end_));
  if (ended) return HowItEnded(how_);
  return absl::InternalError(absl::StrCat(kUnread, "the program that parses it stopped answering"));
}

bool ImportChild::HasEnded() {
  // The pipe is closed a moment before the process ends.
  for (const Clock::time_point until = Clock::now() + kPatienceAtEnd;;) {
    const pid_t gone = waitpid(pid_, &how_, WNOHANG);
    if (gone == pid_) pid_ = -1;
    if (gone != 0 && !(gone < 0 && errno == EINTR)) return gone > 0;
    if (Clock::now() >= until) return false;
    poll(nullptr, 0, 1);
  }
}

}  // namespace mirror
