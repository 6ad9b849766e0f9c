#include "server/hooks/delivery/hook_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

using Clock = std::chrono::steady_clock;

/// Interval at which Run() checks for a stop.
constexpr std::chrono::milliseconds kLook{100};
/// The same, if the system gives no descriptor that signals the end of the program.
constexpr std::chrono::milliseconds kEndLook{10};

struct Pipe {
  OwnedDescriptor read, write;
};

absl::StatusOr<Pipe> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::UnavailableError(absl::StrCat("no pipe could be made for it: ", std::strerror(errno)));
  }
  return Pipe{OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1])};
}

/// Blocks SIGPIPE, the signal for a pipe without a reader, for this thread. write()
/// then returns an error, whatever signal handling the embedding program has.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec now{0, 0};
    if (sigismember(&before_, SIGPIPE) == 0) sigtimedwait(&pipe_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_{}, before_{};
};

/// The program and our ends of its two pipes. The destructor kills the rest of its process group.
class Child {
 public:
  absl::Status Start(const std::vector<std::string>& command, const HookDelivery& delivery) {
    absl::StatusOr<Pipe> in = MakePipe();
    absl::StatusOr<Pipe> out = MakePipe();
    if (!in.ok()) return in.status();
    if (!out.ok()) return out.status();
    // stderr is discarded: it is not part of the answer, and may contain rows.
    const int failed =
        SpawnAlone(command.front(), in->read.get(), out->write.get(), command,
                   {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "MIRROR_EVENT=" + delivery.event,
                    "MIRROR_CONTEXT_ID=" + delivery.context_id},
                   &pid_);
    if (failed != 0) {
      pid_ = -1;
      return absl::FailedPreconditionError(
          absl::StrCat("the program could not be started: ", std::strerror(failed)));
    }
    ended_ = OwnedDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    input_ = std::move(in->write);
    output_ = std::move(out->read);
    fcntl(input_.get(), F_SETFL, O_NONBLOCK);
    fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    return absl::OkStatus();
  }

  ~Child() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  /// Runs until the program has ended, or until `deadline`. Absent: it did not end in time.
  std::optional<siginfo_t> Run(std::string_view input, Clock::time_point deadline,
                               const std::stop_token& stop, std::string* printed) {
    while (Clock::now() < deadline && !stop.stop_requested()) {
      if (input.empty()) input_.Close();
      pollfd waits[] = {{ended_.get(), POLLIN, 0}, {output_.get(), POLLIN, 0}, {input_.get(), POLLOUT, 0}};
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      // If the kernel or a sandbox lacks pidfd_open, or no descriptor is left, poll() skips the -1.
      const bool tells = ended_.get() >= 0;
      const std::chrono::milliseconds look = tells ? kLook : kEndLook;
      poll(waits, std::size(waits),
           static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), look).count()));
      if (waits[2].revents != 0) Write(&input);
      if (waits[1].revents != 0) Read(printed);
      if (waits[0].revents != 0 || !tells) {
        siginfo_t how{};
        // WNOWAIT: the zombie is reaped after its group was killed, so its pid is not reused before that.
        waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED | WNOWAIT | (tells ? 0 : WNOHANG));
        if (how.si_pid == 0) continue;
        Read(printed);  // Read what is there; a child of the program may keep the pipe open.
        return how;
      }
    }
    return std::nullopt;
  }

 private:
  void Write(std::string_view* input) {
    const NoPipeSignal guard;
    const ssize_t written = write(input_.get(), input->data(), input->size());
    if (written > 0) input->remove_prefix(static_cast<std::size_t>(written));
    // The program does not have to read its input.
    if (written < 0 && errno != EAGAIN && errno != EINTR) *input = {};
  }

  void Read(std::string* printed) {
    char bytes[8 * 1024];
    while (true) {
      const ssize_t count = read(output_.get(), bytes, sizeof(bytes));
      if (count == 0) return output_.Close();
      if (count < 0) return;
      const std::size_t room = kHookOutputBytesMax - printed->size();
      printed->append(bytes, std::min(room, static_cast<std::size_t>(count)));
      // A program that prints without end must not keep this thread here.
      if (room == 0) return;
    }
  }

  pid_t pid_ = -1;
  OwnedDescriptor ended_, input_, output_;
};

class CommandHook final : public HookTarget {
 public:
  explicit CommandHook(std::vector<std::string> command) : command_(std::move(command)) {}

  absl::StatusOr<std::string> Deliver(const HookDelivery& delivery, std::chrono::milliseconds timeout,
                                      const std::stop_token& stop) override {
    const Clock::time_point deadline = Clock::now() + timeout;
    Child child;
    RETURN_IF_ERROR(child.Start(command_, delivery));
    std::string printed;
    const std::optional<siginfo_t> ended = child.Run(delivery.json, deadline, stop, &printed);
    if (!ended && stop.stop_requested()) return absl::CancelledError("the server stops");
    if (!ended) {
      return absl::DeadlineExceededError(
          absl::StrCat("the program did not end within ", timeout.count(), " ms and was killed"));
    }
    if (ended->si_code != CLD_EXITED) {
      return absl::AbortedError(absl::StrCat("the program was ended by signal ", ended->si_status));
    }
    if (ended->si_status != 0) {
      return absl::AbortedError(absl::StrCat("the program ended with exit code ", ended->si_status));
    }
    return printed;
  }

 private:
  const std::vector<std::string> command_;
};

}  // namespace

std::unique_ptr<HookTarget> MakeCommandHook(std::vector<std::string> command) {
  return std::make_unique<CommandHook>(std::move(command));
}

}  // namespace mirror
