// Preloaded into a server by tests: each sync, each removal of a file (unlink, remove), each ftruncate that
// makes one shorter, each sync_file_range and each stat() of a mirror's files appends a line to
// $MIRROR_DISK_CALLS: "sync PATH", "remove PATH", "cut PATH", "begin PATH" or "times PATH".

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

template <typename Call>
Call* Next(const char* name) {
  return reinterpret_cast<Call*>(dlsym(RTLD_NEXT, name));
}

void Tell(const char* what, const char* path) {
  const char* const list = getenv("MIRROR_DISK_CALLS");
  char line[4'200];
  const int length = snprintf(line, sizeof(line), "%s %s\n", what, path);
  if (list == nullptr || length <= 0 || static_cast<size_t>(length) >= sizeof(line)) return;
  const int file = open(list, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (write(file, line, static_cast<size_t>(length)) != length) abort();
  close(file);
}

void Tell(const char* what, int file) {
  char link[64], path[4'096];
  snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
  const ssize_t length = readlink(link, path, sizeof(path) - 1);
  path[length < 0 ? 0 : length] = '\0';
  Tell(what, path);
}

int Sync(const char* name, int file) {
  Tell("sync", file);
  return Next<int(int)>(name)(file);
}

int Remove(const char* name, const char* path) {
  const int failed = Next<int(const char*)>(name)(path);
  if (failed == 0) Tell("remove", path);
  return failed;
}

int Truncate(const char* name, int file, off_t size) {
  struct stat before {};
  if (fstat(file, &before) == 0 && before.st_size > size) Tell("cut", file);
  return Next<int(int, off_t)>(name)(file, size);
}

}  // namespace

extern "C" {
int fsync(int file) { return Sync("fsync", file); }
int fdatasync(int file) { return Sync("fdatasync", file); }
int syncfs(int file) { return Sync("syncfs", file); }
int sync_file_range(int file, off64_t from, off64_t size, unsigned how) {
  Tell("begin", file);
  return Next<int(int, off64_t, off64_t, unsigned)>("sync_file_range")(file, from, size, how);
}
int unlink(const char* path) { return Remove("unlink", path); }
int remove(const char* path) { return Remove("remove", path); }
int stat(const char* path, struct stat* info) {
  if (strstr(path, "/Mirror_") != nullptr) Tell("times", path);
  return Next<int(const char*, struct stat*)>("stat")(path, info);
}
int ftruncate(int file, off_t size) { return Truncate("ftruncate", file, size); }
int ftruncate64(int file, off64_t size) { return Truncate("ftruncate64", file, size); }
}
