#ifndef MIRROR_SERVER_STORE_POSTGRES_HISTORY_VERSION_READER_H_
#define MIRROR_SERVER_STORE_POSTGRES_HISTORY_VERSION_READER_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/connection.h"
#include "server/store/postgres/place/names.h"
#include "server/store/postgres/rows/any_kinds.h"
#include "server/store/version_reader.h"

namespace mirror {

/// How a snapshot reads.
struct SnapshotReading {
  /// Before a table is read: from then on nobody replaces it.
  std::function<absl::StatusOr<PostgresKinds>(const TableSchema& table)> touch;
  /// The same for a table of former rows, by its name. False: it is not the snapshot's any more.
  std::function<absl::StatusOr<bool>(const std::string& relation, const std::string& doing)> hold;
  /// Its error ends the reading.
  std::function<absl::Status(const VersionReader::GoOn& go_on)> may_go_on;
};

/// In the transaction of `connection`, a snapshot's. Both outlive it.
std::unique_ptr<VersionReader> MakePostgresVersionReader(postgres::Connection& connection,
                                                         const PostgresOwnTables& names,
                                                         SnapshotReading snapshot);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_HISTORY_VERSION_READER_H_
