#ifndef MIRROR_BASE_DB_SQLITE_DESCRIPTOR_H_
#define MIRROR_BASE_DB_SQLITE_DESCRIPTOR_H_

struct sqlite3_file;
struct sqlite3_vfs;

namespace mirror::sqlite {

/// Makes DescriptorOf() possible: from now on it is told whenever SQLite asks for the length of a file, by
/// any connection of this process. `system`: SQLite's own VFS for Unix. Once, before other threads use it.
void WatchDescriptors(sqlite3_vfs* system);

/// The descriptor by which SQLite has `file` open, which it shows to nobody: one of our own would take
/// SQLite's locks on the same file with it when it is closed. It is SQLite's, and closed with the file. -1:
/// unknown. Threads: any, one for a file.
int DescriptorOf(sqlite3_file* file);

}  // namespace mirror::sqlite

#endif  // MIRROR_BASE_DB_SQLITE_DESCRIPTOR_H_
