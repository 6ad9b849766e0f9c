// Preloaded into a server by tools/torture: a disk that fails, and a clock that is wrong.
//
//   MIRROR_DISK_PATH    only files whose path begins so
//   MIRROR_DISK_FAULT   KIND:N, at the N-th write, truncation or sync of such a file:
//     count             nothing; how many there were is in $MIRROR_DISK_COUNT when the process has ended
//     enospc            it and the next 30 writes fail with ENOSPC
//     eio               it fails with EIO
//     short             a write writes half of what it should
//     fsync             the next sync from there on fails with EIO
//     power             the process is gone; $MIRROR_DISK_DURABLE has what was synced until then
//   MIRROR_CLOCK_SHIFT  seconds, added to the time of day
//
// For `power` each file is copied into the folder $MIRROR_DISK_DURABLE whenever it is synced; names, which a
// journalling file system keeps in order, move there at once.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace {

enum class Fault { kNone, kCount, kNoSpace, kError, kShort, kSync, kPower };

struct Settings {
  const char* path = getenv("MIRROR_DISK_PATH");
  const char* durable = getenv("MIRROR_DISK_DURABLE");
  Fault fault = Fault::kNone;
  long at = 0;
  Settings() {
    const char* const text = getenv("MIRROR_DISK_FAULT");
    if (text == nullptr || path == nullptr) return;
    const char* const colon = strchr(text, ':');
    at = colon == nullptr ? 0 : atol(colon + 1);
    const size_t length = colon == nullptr ? strlen(text) : static_cast<size_t>(colon - text);
    const struct {
      const char* name;
      Fault fault;
    } kinds[] = {{"count", Fault::kCount}, {"enospc", Fault::kNoSpace}, {"eio", Fault::kError},
                 {"short", Fault::kShort}, {"fsync", Fault::kSync},     {"power", Fault::kPower}};
    for (const auto& kind : kinds) {
      if (strlen(kind.name) == length && strncmp(text, kind.name, length) == 0) fault = kind.fault;
    }
  }
};

const Settings& Set() {
  static const Settings settings;
  return settings;
}

std::atomic<long> calls{0};
std::atomic<bool> sync_fails{false};
pthread_mutex_t copying = PTHREAD_MUTEX_INITIALIZER;

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

/// The path of a file that counts; empty: it does not.
bool PathOf(int file, char* path, size_t size) {
  if (Set().fault == Fault::kNone) return false;
  char link[64];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, size - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  if (strncmp(path, Set().path, strlen(Set().path)) != 0) return false;
  // The index of a log is made anew by whoever opens it.
  return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

bool InDurable(const char* path, char* durable, size_t size) {
  if (Set().durable == nullptr) return false;
  const int length = snprintf(durable, size, "%s%s", Set().durable, path + strlen(Set().path));
  return length > 0 && static_cast<size_t>(length) < size;
}

/// The folders above a file that survives.
void MakeFolders(const char* path) {
  char folder[4'096];
  snprintf(folder, sizeof(folder), "%s", path);
  for (char* at = folder + strlen(Set().durable); *at != '\0'; ++at) {
    if (*at != '/') continue;
    *at = '\0';
    syscall(SYS_mkdirat, AT_FDCWD, folder, 0700);
    *at = '/';
  }
}

/// What is synced now survives: the whole file as it is.
void KeepDurable(int file, const char* path) {
  char durable[4'096];
  struct stat info {};
  if (Set().fault != Fault::kPower || !InDurable(path, durable, sizeof(durable))) return;
  if (fstat(file, &info) != 0 || S_ISDIR(info.st_mode)) return;
  pthread_mutex_lock(&copying);
  MakeFolders(durable);
  const int from = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0));
  const int to = static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, durable, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  char buffer[65'536];
  ssize_t read = 0;
  while (from >= 0 && to >= 0 && (read = syscall(SYS_read, from, buffer, sizeof(buffer))) > 0) {
    if (syscall(SYS_write, to, buffer, static_cast<size_t>(read)) != read) break;
  }
  if (from >= 0) syscall(SYS_close, from);
  if (to >= 0) syscall(SYS_close, to);
  pthread_mutex_unlock(&copying);
}

/// 0: go on. Else an errno that the call fails with, or -1: half of a write.
int Meet(int file, bool sync) {
  char path[4'096];
  if (!PathOf(file, path, sizeof(path))) return 0;
  const long call = ++calls;
  const Settings& set = Set();
  switch (set.fault) {
    case Fault::kNoSpace:
      return !sync && call >= set.at && call < set.at + 30 ? ENOSPC : 0;
    case Fault::kError:
      return call == set.at ? EIO : 0;
    case Fault::kShort:
      return !sync && call == set.at ? -1 : 0;
    case Fault::kSync:
      if (call >= set.at && sync && !sync_fails.exchange(true)) return EIO;
      return 0;
    case Fault::kPower:
      if (call >= set.at) {
        pthread_mutex_lock(&copying);  // A copy at hand was of a sync that has begun: it may be whole.
        kill(getpid(), SIGKILL);
        pause();
      }
      return 0;
    default:
      return 0;
  }
}

void WriteCount() {
  const char* const to = getenv("MIRROR_DISK_COUNT");
  if (to == nullptr || Set().fault != Fault::kCount) return;
  char text[32];
  const int length = snprintf(text, sizeof(text), "%ld\n", calls.load());
  const int file =
      static_cast<int>(syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file < 0) return;
  if (syscall(SYS_write, file, text, static_cast<size_t>(length)) != length) abort();
  syscall(SYS_close, file);
}

struct AtEnd {
  ~AtEnd() { WriteCount(); }
} at_end;

template <typename Write>
ssize_t WriteWith(int file, size_t size, Write write) {
  const int met = Meet(file, false);
  if (met > 0) {
    errno = met;
    return -1;
  }
  return write(met < 0 ? (size + 1) / 2 : size);
}

int SyncWith(const char* name, int file) {
  if (const int met = Meet(file, true); met > 0) {
    errno = met;
    return -1;
  }
  const int result = Real<int (*)(int)>(name)(file);
  char path[4'096];
  if (result == 0 && PathOf(file, path, sizeof(path))) KeepDurable(file, path);
  return result;
}

void MoveDurable(const char* from, const char* to) {
  char durable_from[4'096], durable_to[4'096];
  if (Set().fault != Fault::kPower || strncmp(from, Set().path, strlen(Set().path)) != 0) return;
  if (!InDurable(from, durable_from, sizeof(durable_from))) return;
  if (to == nullptr) {
    syscall(SYS_unlinkat, AT_FDCWD, durable_from, 0);
  } else if (InDurable(to, durable_to, sizeof(durable_to))) {
    syscall(SYS_renameat2, AT_FDCWD, durable_from, AT_FDCWD, durable_to, 0);
  }
}

long Shift() {
  static const long shift = getenv("MIRROR_CLOCK_SHIFT") == nullptr ? 0 : atol(getenv("MIRROR_CLOCK_SHIFT"));
  return shift;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void* data, size_t size) {
  return WriteWith(file, size, [&](size_t some) { return syscall(SYS_write, file, data, some); });
}
ssize_t pwrite(int file, const void* data, size_t size, off_t at) {
  return WriteWith(file, size, [&](size_t some) { return syscall(SYS_pwrite64, file, data, some, at); });
}
ssize_t pwrite64(int file, const void* data, size_t size, off_t at) {
  return WriteWith(file, size, [&](size_t some) { return syscall(SYS_pwrite64, file, data, some, at); });
}
int ftruncate(int file, off_t size) {
  const int met = Meet(file, false);
  if (met > 0) {
    errno = met;
    return -1;
  }
  return static_cast<int>(syscall(SYS_ftruncate, file, size));
}
int ftruncate64(int file, off_t size) { return ftruncate(file, size); }
int fsync(int file) { return SyncWith("fsync", file); }
int fdatasync(int file) { return SyncWith("fdatasync", file); }
int sync_file_range(int file, off64_t from, off64_t size, unsigned how) {
  if (const int met = Meet(file, false); met > 0) {
    errno = met;
    return -1;
  }
  return static_cast<int>(syscall(SYS_sync_file_range, file, from, size, how));
}
int unlink(const char* path) {
  const int result = Real<int (*)(const char*)>("unlink")(path);
  if (result == 0) MoveDurable(path, nullptr);
  return result;
}
int remove(const char* path) {
  const int result = Real<int (*)(const char*)>("remove")(path);
  if (result == 0) MoveDurable(path, nullptr);
  return result;
}
int rename(const char* from, const char* to) {
  const int result = Real<int (*)(const char*, const char*)>("rename")(from, to);
  if (result == 0) MoveDurable(from, to);
  return result;
}
int renameat2(int from_folder, const char* from, int to_folder, const char* to, unsigned flags) {
  const long result = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
  if (result == 0) MoveDurable(from, to);
  return static_cast<int>(result);
}

int clock_gettime(clockid_t clock, struct timespec* time) {
  const long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += Shift();
  return static_cast<int>(result);
}
time_t time(time_t* result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result != nullptr) *result = now.tv_sec;
  return now.tv_sec;
}
int gettimeofday(struct timeval* time, void*) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1'000;
  return 0;
}
}
