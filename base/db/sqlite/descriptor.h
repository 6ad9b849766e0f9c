#ifndef MIRROR_BASE_DB_SQLITE_DESCRIPTOR_H_
#define MIRROR_BASE_DB_SQLITE_DESCRIPTOR_H_

struct sqlite3_file;
struct sqlite3_vfs;

namespace mirror::sqlite {

/// Enables DescriptorOf(). It installs a hook that is called when SQLite reads the length of a file, for all
/// connections of this process. `system`: SQLite's own VFS for Unix. Call it once, before other threads use
/// SQLite.
void WatchDescriptors(sqlite3_vfs* system);

/// Returns the descriptor with which SQLite has `file` open; -1: unknown. SQLite itself has no function for
/// this. A second descriptor for the same file cannot be used instead: closing it would release SQLite's
/// locks. SQLite owns the returned descriptor and closes it with the file. Threads: any, but only one at a
/// time for each file.
int DescriptorOf(sqlite3_file* file);

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_DESCRIPTOR_H_
