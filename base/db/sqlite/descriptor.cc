#include "base/db/sqlite/descriptor.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>

namespace mirror::sqlite {
namespace {

// SQLite is built with 64-bit lengths, and fills the same struct.
static_assert(sizeof(off_t) == 8);

using Fstat = int (*)(int, struct stat*);
/// The function called after ours, in any thread.
std::atomic<Fstat> former = nullptr;

/// Descriptor of the file whose length SQLite read last in this thread.
thread_local int asked = -1;

int NoteAsked(int file, struct stat* found) { return former.load()(asked = file, found); }

}  // namespace

void WatchDescriptors(sqlite3_vfs* system) {
  if (former != nullptr || system->iVersion < 3) return;
  const auto found = reinterpret_cast<Fstat>(system->xGetSystemCall(system, "fstat"));
  if (found == nullptr) return;
  former = found;
  system->xSetSystemCall(system, "fstat", reinterpret_cast<sqlite3_syscall_ptr>(NoteAsked));
}

int DescriptorOf(sqlite3_file* file) {
  sqlite3_int64 size = 0;
  asked = -1;
  return file->pMethods->xFileSize(file, &size) == SQLITE_OK ? asked : -1;
}

}  // namespace mirror::sqlite
