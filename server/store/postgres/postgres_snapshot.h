#ifndef MIRROR_SERVER_STORE_POSTGRES_POSTGRES_SNAPSHOT_H_
#define MIRROR_SERVER_STORE_POSTGRES_POSTGRES_SNAPSHOT_H_

#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/place/postgres_place.h"
#include "server/store/snapshot.h"

namespace mirror {

/// Limit of a snapshot's life. While an old snapshot lives, PostgreSQL cannot vacuum, and writers become
/// slower.
inline constexpr std::chrono::milliseconds kPostgresSnapshotMax{600'000};
/// Limit after ReadContents(). A backup takes as long as the read of its rows takes.
inline constexpr std::chrono::milliseconds kPostgresExportMax{24 * 3'600'000};

/// Opens a snapshot of the mirror as it is committed now, with a connection of its own. The snapshot ends
/// after `lasts`. A read that runs then fails with kUnavailable. `place` must outlive the snapshot.
absl::StatusOr<std::unique_ptr<Snapshot>> OpenPostgresSnapshot(
    PostgresPlace& place, const std::string& context_id, const PostgresOwnTables& names,
    std::chrono::milliseconds lasts = kPostgresSnapshotMax);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_POSTGRES_SNAPSHOT_H_
