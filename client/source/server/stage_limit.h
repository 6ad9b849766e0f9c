#ifndef MIRROR_CLIENT_SOURCE_SERVER_STAGE_LIMIT_H_
#define MIRROR_CLIENT_SOURCE_SERVER_STAGE_LIMIT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "client/source/server/stage.h"
#include "client/source/server/stage_file.h"

namespace mirror {

// Keeps the stage small. The functions use the connection that writes, outside of a transaction unless they
// say otherwise.

/// The LSN up to which the mirror of each table is durable.
using DurableLsns = std::map<std::int64_t, std::int64_t>;
/// Returns the last written value.
absl::StatusOr<DurableLsns> ReadDurable(const sqlite::Connection& database);

/// Bytes in use in the file and its log: a file does not shrink when rows go, but reuses the space.
absl::StatusOr<std::int64_t> UsedBytes(const sqlite::Connection& database, const StageFile& file);

/// Removes some of the table's rows up to `cut`; its floor rises above all of them. True: there are more.
absl::StatusOr<bool> TrimSome(const sqlite::Connection& database, std::int64_t table, std::int64_t cut);
/// Within the caller's transaction: removes all rows of a table. Its floor becomes the LSN of its last
/// change, or `floor` if that is greater.
absl::StatusOr<StagedTable> EmptyTable(const sqlite::Connection& database, StagedTable table,
                                       std::int64_t floor, const std::string& because);

/// Removes durable rows, oldest first, until at most 9/10 of `most` is in use. If that is not enough for
/// `most`, it empties the tables with most bytes, one by one, and returns these. Does nothing while a reader
/// is active: SQLite's log cannot be emptied then, and the size of the file alone is not known.
absl::StatusOr<std::vector<StagedTable>> MakeRoomInStage(const sqlite::Connection& database,
                                                         const DurableLsns& durable, std::int64_t most,
                                                         const std::string& because);
/// Returns some unused space to the disk, where there is much.
absl::Status GiveBackRoom(const sqlite::Connection& database);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_LIMIT_H_
