#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_SNAPSHOT_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_SNAPSHOT_H_

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/snapshot.h"

namespace mirror {

/// An old snapshot keeps PostgreSQL from tidying up, and slows down who writes.
inline constexpr std::chrono::milliseconds kPostgresSnapshotMax{600'000};
/// Of one that ReadContents() was asked of: a backup takes as long as its rows do.
inline constexpr std::chrono::milliseconds kPostgresExportMax{24 * 3'600'000};

/// Reads the mirror as it is committed now, by a connection of its own. It lasts for `lasts`: what is under
/// way then ends with kUnavailable. `place` outlives it.
absl::StatusOr<std::unique_ptr<Snapshot>> OpenPostgresSnapshot(
    PostgresPlace& place, const std::string& context_id, const PostgresOwnTables& names,
    std::chrono::milliseconds lasts = kPostgresSnapshotMax);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_SNAPSHOT_H_
