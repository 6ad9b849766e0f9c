#ifndef MIRROR_SERVER_STORE_SQLITE_FILE_SYNC_PATH_H_
#define MIRROR_SERVER_STORE_SQLITE_FILE_SYNC_PATH_H_

#include <string>

namespace mirror {

/// What the system holds of a file, or of a folder's names, is on the disk. Gives an errno; 0: it is.
/// `flags`: for open(), O_CLOEXEC apart.
int SyncPath(const std::string& path, int flags);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_FILE_SYNC_PATH_H_
