#include "server/store/sqlite/file/sync_path.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace mirror {

int SyncPath(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return errno;
  const int error = fsync(file) == 0 ? 0 : errno;
  close(file);
  return error;
}

}  // namespace mirror
