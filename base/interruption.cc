#include "base/interruption.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace mirror {
namespace {

volatile int noted = -1;  // A descriptor; readable after a signal.
struct sigaction before_int, before_term, before_hangup;

void Note(int /*signal*/) {
  const int error = errno;
  const std::uint64_t one = 1;
  // The write cannot fail before 2^64 signals.
  [[maybe_unused]] const ssize_t written = write(noted, &one, sizeof(one));
  errno = error;
}

}  // namespace

Interruption::Interruption() {
  noted = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct sigaction action = {};
  action.sa_handler = Note;
  // A second signal ends the process, because the user does not want to wait.
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  sigaction(SIGINT, &action, &before_int);
  sigaction(SIGTERM, &action, &before_term);
  sigaction(SIGHUP, nullptr, &before_hangup);
  if (before_hangup.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
}

Interruption::~Interruption() {
  sigaction(SIGINT, &before_int, nullptr);
  sigaction(SIGTERM, &before_term, nullptr);
  sigaction(SIGHUP, &before_hangup, nullptr);
  close(noted);
  noted = -1;
}

bool Interruption::Wait(std::chrono::milliseconds patience) const {
  using std::chrono::milliseconds, std::chrono::steady_clock;
  const steady_clock::time_point end = steady_clock::now() + patience;
  pollfd waiting = {noted, POLLIN, 0};
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    ready = poll(&waiting, 1, static_cast<int>(std::max(left, milliseconds(0)).count()));
  } while (ready < 0 && errno == EINTR);  // If a signal interrupts poll(), the next call finds its note.
  return ready > 0;
}

}  // namespace mirror
