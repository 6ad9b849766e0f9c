#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_DESCRIPTOR_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_DESCRIPTOR_H_

struct sqlite3_file;
struct sqlite3_vfs;

namespace mirror {

/// The descriptor by which SQLite has `file` open, which it shows to nobody: one of our own would take
/// SQLite's locks on the same file with it when it is closed. It is SQLite's, and closed with the file.
/// `system`: the VFS that opened it, SQLite's own for Unix. -1: unknown. Threads: any, one for a file.
int DescriptorOf(sqlite3_vfs* system, sqlite3_file* file);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SQLITE_DESCRIPTOR_H_
