#include "server/store/sqlite/file/sqlite_descriptor.h"

#include <sqlite3.h>
#include <sys/stat.h>

namespace mirror {
namespace {

/// What SQLite asked for the length of last in this thread.
thread_local int asked = -1;

/// SQLite calls it in place of fstat(), from the first use on.
int NoteAsked(int file, struct stat* found) { return fstat(asked = file, found); }

bool Notes(sqlite3_vfs* system) {
  if (system->iVersion < 3 || system->xSetSystemCall == nullptr) return false;
  const auto call = reinterpret_cast<sqlite3_syscall_ptr>(NoteAsked);
  return system->xSetSystemCall(system, "fstat", call) == SQLITE_OK;
}

}  // namespace

int DescriptorOf(sqlite3_vfs* system, sqlite3_file* file) {
  static const bool notes = Notes(system);
  sqlite3_int64 size = 0;
  asked = -1;
  return notes && file->pMethods->xFileSize(file, &size) == SQLITE_OK ? asked : -1;
}

}  // namespace mirror
