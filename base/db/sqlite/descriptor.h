#ifndef MIRROR_BASE_DB_SQLITE_DESCRIPTOR_H_
#define MIRROR_BASE_DB_SQLITE_DESCRIPTOR_H_

struct sqlite3_file;
struct sqlite3_vfs;

namespace mirror::sqlite {

/// Enables DescriptorOf(): installs a hook that sees each time SQLite requests the length of a file, for any
/// connection of this process. `system`: SQLite's own VFS for Unix. Call once, before other threads use it.
void WatchDescriptors(sqlite3_vfs* system);

/// Returns the descriptor with which SQLite has `file` open; SQLite has no call for it. A second descriptor
/// of the same file would release SQLite's locks when it is closed. SQLite owns it, and closes it with the
/// file. -1: unknown. Threads: any, one for each file.
int DescriptorOf(sqlite3_file* file);

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_DESCRIPTOR_H_
