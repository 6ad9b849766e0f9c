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

// Functions that keep the stage small. They use the connection that writes. Call them outside of a
// transaction unless they say otherwise.

/// For each table: the LSN that is durable at its mirror.
using DurableLsns = std::map<std::int64_t, std::int64_t>;
/// Reads the values as they were last written to the stage.
absl::StatusOr<DurableLsns> ReadDurable(const sqlite::Connection& database);

/// Returns the bytes in use in the file and its log. Unused pages do not count: a file does not shrink when
/// rows are deleted, but reuses their space.
absl::StatusOr<std::int64_t> UsedBytes(const sqlite::Connection& database, const StageFile& file);

/// Removes some of the table's rows up to `cut`, and raises its floor above them. True: there are more.
absl::StatusOr<bool> TrimSome(const sqlite::Connection& database, std::int64_t table, std::int64_t cut);
/// Removes all rows of a table, within the caller's transaction. Its floor becomes the LSN of its last
/// change, or `floor` if that is greater.
absl::StatusOr<StagedTable> EmptyTable(const sqlite::Connection& database, StagedTable table,
                                       std::int64_t floor, const std::string& because);

/// Removes durable rows, oldest first, until at most 9/10 of `most` bytes are in use. If more than `most` is
/// still in use, it empties the largest tables, one by one, and returns these. Does nothing while a reader is
/// active: SQLite's log cannot be emptied then, and how much the deletion would save is not known.
absl::StatusOr<std::vector<StagedTable>> MakeRoomInStage(const sqlite::Connection& database,
                                                         const DurableLsns& durable, std::int64_t most,
                                                         const std::string& because);
/// Returns unused space of the file to the disk, if there is much.
absl::Status GiveBackRoom(const sqlite::Connection& database);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_STAGE_LIMIT_H_
