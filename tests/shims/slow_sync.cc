// Preloaded into a server by tests and tools/bench: a sync of a file whose path holds $MIRROR_SLOW_PATH waits
// for as long as somebody else locks the file $MIRROR_SLOW_GATE, and first adds a byte to
// $MIRROR_SLOW_GATE.waiting. It takes $MIRROR_SLOW_US microseconds longer, as on a slower disk.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

using Sync = int (*)(int);

bool IsSlow(int file) {
  const char* const part = getenv("MIRROR_SLOW_PATH");
  if (part == nullptr) return false;
  char link[64], path[4'096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof(path) - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return strstr(path, part) != nullptr;
}

void WaitAtGate() {
  const char* const gate = getenv("MIRROR_SLOW_GATE");
  if (gate == nullptr) return;
  const int lock = open(gate, O_RDONLY | O_CLOEXEC);
  if (lock < 0) return;
  if (flock(lock, LOCK_SH | LOCK_NB) != 0) {
    char waiting[4'096];
    snprintf(waiting, sizeof(waiting), "%s.waiting", gate);
    const int mark = open(waiting, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (mark >= 0 && write(mark, "x", 1) == 1) flock(lock, LOCK_SH);
    if (mark >= 0) close(mark);
  }
  close(lock);
}

void WaitAsOnSlowDisk() {
  const char* const text = getenv("MIRROR_SLOW_US");
  const long us = text == nullptr ? 0 : atol(text);
  timespec left{us / 1'000'000, us % 1'000'000 * 1'000};
  while (us > 0 && nanosleep(&left, &left) != 0) {
  }
}

int SyncWith(const char* name, int file) {
  if (IsSlow(file)) {
    WaitAtGate();
    WaitAsOnSlowDisk();
  }
  return reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name))(file);
}

}  // namespace

extern "C" int fsync(int file) { return SyncWith("fsync", file); }
extern "C" int fdatasync(int file) { return SyncWith("fdatasync", file); }
