#ifndef MIRROR_SERVER_STORE_SQLITE_SQLITE_SNAPSHOT_H_
#define MIRROR_SERVER_STORE_SQLITE_SQLITE_SNAPSHOT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/store/snapshot.h"

namespace mirror {

/// Opens a snapshot of the mirror file as it is committed now. The snapshot has a connection of its own.
absl::StatusOr<std::unique_ptr<Snapshot>> OpenSqliteSnapshot(const std::string& path,
                                                             const std::string& context_id);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_SQLITE_SQLITE_SNAPSHOT_H_
